"""Crude readers: every word that a file holds, wanted or not, to hold the parsers to account.

They share no code with the parsers: what both overlook would go unnoticed.
"""

from __future__ import annotations

import contextlib
import html
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

from . import crude_legacy, crude_packages

_INVISIBLE = re.compile(r"<(script|style|template)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_INSIDE_WORDS = re.compile(
    r"</?(?:a|abbr|b|bdi|code|em|font|i|kbd|mark|s|small|span|strong|u|wbr)\b[^<>]*>", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*>")
_CHARSET = re.compile(rb"""charset *= *["']?([\w-]+)""", re.IGNORECASE)


def _text(data: bytes, declared: str = "") -> str:
    """Decode a text: as UTF, as declared, or by statistics."""
    for encoding in ("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", declared):
        with contextlib.suppress(UnicodeDecodeError, LookupError):
            return data.decode(encoding)
    from charset_normalizer import from_bytes

    return str(from_bytes(data).best() or data.decode("latin-1"))


def _markup(data: bytes, declared: str = "") -> str:
    """Return the text between the tags of HTML or XML."""
    said = _CHARSET.search(data[:2048])
    text = _text(data, declared or (said[1].decode().lower().replace("iso-8859-1", "cp1252") if said else ""))
    return html.unescape(_TAG.sub(" ", _INSIDE_WORDS.sub("", _INVISIBLE.sub(" ", text))))


def _feed(data: bytes) -> str:
    """Return the text of XML, HTML that is escaped in it read as HTML."""
    text = re.sub(r"<!\[CDATA\[|\]\]>", " ", _text(data))
    return _markup(_markup(text.encode()).encode())


def _book(data: bytes) -> str:
    """Return the text of all pages in an EPUB."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pages = [name for name in archive.namelist() if name.lower().endswith((".xhtml", ".html", ".htm"))]
        return "\n".join(_markup(archive.read(name)) for name in pages)


def _pdf(data: bytes) -> str:
    """Return all characters that PDFium sees, forms drawn."""
    import pypdfium2

    pages = []
    for page in pypdfium2.PdfDocument(data):
        text = page.get_textpage()
        pages.append(text.get_text_range())
        text.close()
        page.close()
    return re.sub("[\ufffe\x02]\r?\n?", "", "\n".join(pages))


def _mail(data: bytes) -> str:
    """Return the text parts of a message, attached messages left aside."""
    from email import message_from_bytes, policy

    wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in data[:64]
    message = message_from_bytes(_wide(data).encode() if wide else data, policy=policy.compat32)
    texts: list[str] = []
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_type() != "message/rfc822" and isinstance(inner, list):
            waiting.extend(each for each in inner if not isinstance(each, str))
        elif _is_body(part):
            content = part.get_payload(decode=True)
            content = content if isinstance(content, bytes) else b""
            charset = str(part.get_content_charset(""))
            is_page = part.get_content_subtype() == "html"
            texts.append(_markup(content, charset) if is_page else _text(content, charset))
    return "\n".join(texts)


def _wide(data: bytes) -> str:
    """Decode UTF-16, with or without its mark."""
    marked = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    return data.decode("utf-16" if marked else "utf-16-be" if data[0] == 0 else "utf-16-le", "replace")


def _is_body(part: Message) -> bool:
    shown = part.get_content_type() in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment"
    return shown and not part.get_filename()


def _json(data: bytes) -> str:
    """Return all strings and numbers in JSON or JSON lines, names of fields apart; of notebooks the cells alone."""
    texts: list[str] = []
    try:
        waiting = [json.loads(_text(data))]
    except ValueError:
        waiting = [json.loads(line) for line in _text(data).split("\n") if line.strip().endswith("}")]
    if isinstance(waiting[0], dict) and "nbformat" in waiting[0]:
        waiting = [cell for book in waiting for cell in _cells(book)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)
        elif value is not None and not isinstance(value, bool):
            texts.append(value if isinstance(value, str) else json.dumps(value))
    return "\n".join(texts)


def _cells(book: dict[str, Any]) -> list[object]:
    return ["".join(cell.get("source", [])) for cell in book.get("cells", [])]


_ACCENT = re.compile(r"""\\([`'^"~=.]|[cvukHr](?![A-Za-z]))\s*(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))""")
_MARKS = dict(zip("`'^\"~=.cvukHr", "\u0300\u0301\u0302\u0308\u0303\u0304\u0307\u0327\u030c\u0306\u0328\u030b\u030a",
                  strict=True))  # fmt: skip
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[^{}]*\}|\\[A-Za-z@]+\*?|\\.", re.DOTALL)


def _latex(data: bytes) -> str:
    """Return LaTeX without its commands: their arguments, comments and the preamble are words too."""
    accented = _ACCENT.sub(lambda m: (m[2] or m[3]) + _MARKS[m[1]], _text(data))
    return unicodedata.normalize("NFC", re.sub("[{}]", "", re.sub(r"\}\s*\{", " ", _COMMAND.sub(" ", accented))))


_PROPERTY = re.compile(r"__substg1\.0_(1000|1013|0037|0E04|0E03|0C1A)(001F|001E|0102)", re.IGNORECASE)


def _outlook(data: bytes) -> str:
    """Return the body of an MSG, plain and as HTML, its subject, sender and recipients."""
    import olefile

    file = olefile.OleFileIO(io.BytesIO(data))
    texts: list[str] = []
    for path in file.listdir():
        if len(path) == 1 and (found := _PROPERTY.fullmatch(path[0])):
            content = bytes(file.openstream(path).read())
            text = content.decode("utf-16-le", "replace") if found[2].upper() == "001F" else _text(content)
            texts.append(_markup(text.encode()) if found[1] == "1013" else text)
    return "\n".join(texts)


CRUDE: dict[str, Callable[[bytes], str]] = {
    **dict.fromkeys(("docx", "pptx", "xlsx", "odp", "ods", "odt"), crude_packages.text_of), "csv": _text, "tsv": _text,
    "doc": crude_legacy.word, "ppt": crude_legacy.slides, "rtf": crude_legacy.rich_text, "xls": crude_legacy.sheets,
    "eml": _mail, "epub": _book, "html": _markup, "md": _text, "msg": _outlook, "pdf": _pdf, "rst": _text,
    "tex": _latex, "xml": _feed, "json": _json, "jsonl": _json, "ipynb": _json,
}  # fmt: skip
"""By format name. Containers have none."""


def crude(data: bytes, kind: str) -> str | None:
    """Return all text in a file's bytes; None if its format has no crude reader, or this one fails."""
    reader = CRUDE.get(kind)
    if reader is None:
        return None
    try:
        return reader(data)
    except Exception:  # noqa: BLE001 - the parser took the file: an account is worth no failure
        return None
