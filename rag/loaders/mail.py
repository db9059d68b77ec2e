"""E-mail messages, by the standard library; attachments are members."""

from __future__ import annotations

import binascii
import mimetypes
import re
from collections.abc import Iterator
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial
from pathlib import PurePosixPath

from ..documents.document import Field, clean_text
from .dates import iso_date
from .draft import Draft
from .errors import LoadError
from .formats import ParseContext
from .html_pages import declared_charset, html_tree, shown_length, walk
from .members import read_member
from .reading import decode
from .results import Failed, Parsed

_SHOWN = ("From", "To", "Cc", "Date")
_SIGNATURES = frozenset({
    "application/pgp-signature", "application/pgp-keys", "application/pkcs7-signature",
    "application/x-pkcs7-signature",
})  # fmt: skip
_FLOWED = re.compile(r"(?<=[^\s>-]) \n(?=[^\s>])")
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})\n((?:[ -`]{1,90}\n)*?)(?:`\n)?end$", re.MULTILINE)
_ENVELOPE = re.compile(rb"(?:\A|\n\r?\n)From [^\n]{1,200}\d\d:\d\d[^\n]{0,100}\n")
_MOST = 0.6

Attachments = list[tuple[str, bytes]]


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read a message: its headers, its body (plain text before HTML), and every attachment of a readable type."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or data[:256].count(0) > 64:
        data = decode(data).encode()  # a message saved as UTF-16
    message = BytesParser(policy=policy.default).parsebytes(data)
    fields = {name: value for name in (*_SHOWN, "Subject") if (value := _header(message, name))}
    if not fields:
        raise LoadError("parse", "not an e-mail message: it has no headers")
    subject = fields.pop("Subject", "")
    draft = Draft(context.budget)
    draft.block("\n".join(f"{name}: {value}" for name, value in fields.items()))
    attachments: Attachments = []
    _Body(draft, attachments).add(message)
    metadata: dict[str, Field] = {name.lower(): value for name, value in fields.items() if name != "Date"}
    if when := iso_date(fields.get("Date", "")):
        metadata["date"] = when
    yield draft.parsed(subject or context.stem_title, metadata)
    context.budget.admit(len(attachments))
    for name, content in _distinct(attachments):
        yield from read_member(name, partial(bytes, content), context)


def parse_box(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read a mailbox of the mbox form: each message is a member."""
    starts = [match.end() for match in _ENVELOPE.finditer(data)]
    if not starts:
        raise LoadError("parse", "not a mailbox: no line begins with From and a date")
    context.budget.admit(len(starts))
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), 1):
        message = data[start:end].rpartition(b"\nFrom ")[0] if end else data[start:]
        yield from read_member(f"{number}.eml", partial(bytes, message), context)


def _header(message: EmailMessage, name: str) -> str:
    """Return a header as text: encoded words and bytes beyond ASCII by their charset, which may be wrong."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(_decoded(raw).split())


def _decoded(raw: str) -> str:
    if not raw.isascii():
        raw = decode(raw.encode("utf-8", "surrogateescape"))
    try:
        parts = decode_header(raw)
    except (HeaderParseError, ValueError):
        return raw
    return "".join(text if isinstance(text, str) else _word(text, charset or "") for text, charset in parts)


def _word(data: bytes, charset: str) -> str:
    """Decode an encoded word; what stands between them has been text already."""
    return decode(data, charset) if charset else data.decode("raw-unicode-escape", "replace")


class _Body:
    """Goes over the parts of a message: texts go into the draft, all else becomes attachments."""

    def __init__(self, draft: Draft, attachments: Attachments) -> None:
        self._draft = draft
        self._attachments = attachments

    def add(self, part: EmailMessage, *, texts: bool = True) -> None:
        """Add a part and its own parts; ``texts=False`` if their words are in the draft already."""
        stack = [(part, texts)]
        while stack:
            part, texts = stack.pop()
            kind, name = part.get_content_type(), _filename(part)
            if kind in {"message/rfc822", "message/global"}:
                self._attachments.append((name or "message.eml", _message(part)))
            elif kind == "multipart/alternative":
                stack.extend(reversed(_alternatives(part, texts)))
            elif part.get_content_maintype() == "multipart" and part.is_multipart():
                stack.extend((each, texts) for each in reversed(_inner(part)))
            elif kind.startswith("message/"):
                self._draft.block(_tidied(part.as_string()))
            elif kind in {"text/plain", "text/html"} and not name and part.get_content_disposition() != "attachment":
                self._text(part, kind, shown=texts)
            else:
                self._attach(part, kind, name, alternative=not texts)

    def _text(self, part: EmailMessage, kind: str, *, shown: bool) -> None:
        text = part_text(part)
        if not shown:
            self._draft.leave_out("duplicated", " ".join(html_tree(text).itertext()) if "html" in kind else text)
        elif kind == "text/html":
            if text.strip():
                walk(html_tree(text), self._draft)
        else:
            flowed = str(part.get_param("format", "")).lower() == "flowed"
            text = clean_text(_UUENCODED.sub(self._uuencoded, clean_text(text)))
            self._draft.block(_tidied(_FLOWED.sub(" ", text) if flowed else text))

    def _uuencoded(self, match: re.Match[str]) -> str:
        try:
            content = b"".join(binascii.a2b_uu(line) for line in match[2].splitlines())
        except binascii.Error:
            return match[0]
        self._attachments.append((match[1].strip(), content))
        return ""

    def _attach(self, part: EmailMessage, kind: str, name: str, *, alternative: bool) -> None:
        """Keep a part as an attachment, but signatures, pictures shown in the text, and other forms of the text."""
        picture = kind.startswith("image/") and (part.get_content_disposition() == "inline" or part["Content-ID"])
        if kind in _SIGNATURES or picture or (alternative and not name and kind.startswith("text/")):
            return
        name = name or "attachment"
        if not PurePosixPath(name).suffix:
            name += mimetypes.guess_extension(kind) or ""
        self._attachments.append((name, _bytes(part)))


def _tidied(text: str) -> str:
    """Drop spaces at line ends and all but one of the empty lines in a row."""
    lines: list[str] = []
    for line in clean_text(text).split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines)


def _inner(part: EmailMessage) -> list[EmailMessage]:
    return [each for each in part.iter_parts() if isinstance(each, EmailMessage)]


def _alternatives(part: EmailMessage, texts: bool) -> list[tuple[EmailMessage, bool]]:
    """Return the alternatives, and of each if its text is to be read: the plain one, unless another says much more."""
    choices = _inner(part)
    sizes = [_size(choice) for choice in choices]
    best = max(range(len(choices)), key=lambda i: (sizes[i], i), default=0)
    for i, choice in enumerate(choices):
        if choice.get_content_type() == "text/plain" and sizes[i] > _MOST * sizes[best]:
            best = i
    return [(choice, texts and i == best) for i, choice in enumerate(choices)]


def _size(part: EmailMessage) -> int:
    """Count the characters that a part shows."""
    size = 0
    for each in part.walk():
        if isinstance(each, EmailMessage) and each.get_content_type() in {"text/plain", "text/html"}:
            text = part_text(each)
            html = each.get_content_subtype() == "html" and text.strip()
            size += shown_length(html_tree(text)) if html else len("".join(text.split()))
    return size


def _filename(part: EmailMessage) -> str:
    try:
        name = _decoded(part.get_filename() or "")
    except Exception:  # noqa: BLE001 - the standard library's parser fails in many ways on broken headers
        return ""
    return name.replace("\\", "/").rpartition("/")[2].strip()


def _distinct(attachments: Attachments) -> Iterator[tuple[str, bytes]]:
    """Tell attachments of one name apart by numbers."""
    names: set[str] = set()
    for name, content in attachments:
        while name in names:
            name = f"{len(names) + 1} {name}"  # noqa: PLW2901
        names.add(name)
        yield name, content


def part_text(part: EmailMessage) -> str:
    """Return a text part's text; its character set is doubted, that of HTML may stand in the page."""
    data = _bytes(part)
    try:
        charset = part.get_content_charset() or ""
    except Exception:  # noqa: BLE001 - see _filename
        charset = ""
    return decode(data, charset or declared_charset(data))


def _message(part: EmailMessage) -> bytes:
    """Return an attached message, which some programs encode although they must not."""
    inner = part.get_payload()
    message = inner[0] if isinstance(inner, list) and inner else None
    if not isinstance(message, EmailMessage):
        return b""
    if not message.keys() and isinstance(body := message.get_payload(), str):
        try:
            return binascii.a2b_base64(body)
        except binascii.Error:
            return body.encode("utf-8", "surrogateescape")
    return message.as_bytes(policy=policy.compat32)


def _bytes(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
