"""E-mail messages, by the standard library; attachments are members."""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import partial

from ..documents import clean_text
from .draft import Draft
from .errors import LoadError
from .formats import ParseContext
from .html_pages import html_tree, walk
from .members import read_member
from .reading import decode
from .results import Failed, Parsed

_SHOWN = ("From", "To", "Cc", "Date")


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
    bodies, attachments = _parts(message)
    for part in bodies:
        text = part_text(part)
        if part.get_content_type() == "text/html":
            if text.strip():
                walk(html_tree(text), draft)
        else:
            draft.block(_tidied(text))
    metadata = {name.lower(): value for name, value in fields.items()}
    yield draft.parsed(subject or context.stem_title, metadata)
    context.budget.admit(len(attachments))
    for name, attachment in attachments:
        yield from read_member(name, partial(_bytes, attachment), context)


def _tidied(text: str) -> str:
    """Drop spaces at line ends and all but one of the empty lines in a row."""
    lines: list[str] = []
    for line in clean_text(text).split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # noqa: BLE001 - the standard library's header parser fails in many ways on broken headers
        return ""


def _parts(message: EmailMessage) -> tuple[list[EmailMessage], list[tuple[str, EmailMessage]]]:
    """Sort a message's parts into bodies to read and attachments by name; pictures inside the text are dropped."""
    bodies: list[EmailMessage] = []
    attachments: list[tuple[str, EmailMessage]] = []
    names: set[str] = set()
    stack = [message]
    while stack:
        part = stack.pop()
        kind = part.get_content_type()
        name = _filename(part)
        if kind == "message/rfc822" or name or part.get_content_disposition() == "attachment":
            if part.get_content_disposition() != "inline" or not kind.startswith("image/"):
                name = name or ("message.eml" if kind == "message/rfc822" else f"attachment {len(names) + 1}")
                while name in names:
                    name = f"{len(names) + 1} {name}"
                names.add(name)
                attachments.append((name, part))
        elif kind == "multipart/alternative":
            stack.append(_preferred(part))
        elif part.is_multipart():
            stack.extend(reversed([p for p in part.iter_parts() if isinstance(p, EmailMessage)]))
        elif kind in {"text/plain", "text/html"}:
            bodies.append(part)
    return bodies, attachments


def _filename(part: EmailMessage) -> str:
    try:
        return (part.get_filename() or "").replace("\\", "/").rpartition("/")[2].strip()
    except Exception:  # noqa: BLE001 - see _header
        return ""


def _preferred(part: EmailMessage) -> EmailMessage:
    """Return the plain one of alternatives, if it says anything, else the last, which is the richest."""
    choices = [p for p in part.iter_parts() if isinstance(p, EmailMessage)]
    plain = [p for p in choices if p.get_content_type() == "text/plain" and part_text(p).strip()]
    if not choices:
        raise LoadError("parse", "a multipart message without parts")
    return plain[0] if plain else choices[-1]


def part_text(part: EmailMessage) -> str:
    """Return a text part's text; an unknown character set is guessed."""
    data = _bytes(part)
    charset = part.get_content_charset() or ""
    try:
        return data.decode(charset, "replace") if charset else decode(data)
    except LookupError:
        return decode(data)


def _bytes(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        message = inner[0] if isinstance(inner, list) and inner else None
        return message.as_bytes() if isinstance(message, EmailMessage) else b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
