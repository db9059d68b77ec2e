"""MSG files: Outlook's messages, by python-oxmsg; made into a mail, and read as one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime

from .errors import LoadError
from .formats import ParseContext, Untyped
from .mail import parse as parse_mail
from .reading import decode
from .results import Failed, Parsed
from .rich_text import parse as parse_rich_text

_HTML, _RTF, _CODE_PAGE = 0x1013, 0x1009, 0x3FDE
_UTF8 = 65001


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read an Outlook message: its headers, its body, and every attachment of a readable type."""
    from oxmsg import Message

    try:
        message = Message.load(io.BytesIO(data))
        mail, unread = _mail(message, context)
    except Exception as error:  # noqa: BLE001 - a broken property can fail in many ways
        raise LoadError("parse", f"not a readable MSG: {error}") from None
    yield from parse_mail(mail.as_bytes(), context)
    for name in unread:
        yield Failed(name, "type", "an attachment that is a message or an object of Outlook; save it as a file", "msg")


def _mail(message: Untyped, context: ParseContext) -> tuple[EmailMessage, list[str]]:
    """Return the same as a mail, and the names of attachments that hold no file."""
    mail = EmailMessage()
    given = {name.lower(): value for name, value in message.message_headers.items()}
    people = ", ".join(_person(recipient) for recipient in message.recipients if recipient.email_address)
    sent = format_datetime(message.sent_date) if message.sent_date else ""
    for name, value in (
        ("From", message.sender),
        ("To", people),
        ("Cc", ""),
        ("Date", sent),
        ("Subject", message.subject),
    ):
        text = " ".join(str(given.get(name.lower()) or value or "").replace("\0", "").split())
        if text:
            mail[name] = text
    _add_body(mail, message, context)
    unread = []
    for i, attachment in enumerate(message.attachments, 1):
        name = attachment.file_name or f"attachment {i}"
        if attachment.file_bytes is None:
            unread.append(name)
        else:
            mail.add_attachment(attachment.file_bytes, maintype="application", subtype="octet-stream", filename=name)
    return mail, unread


def _add_body(mail: EmailMessage, message: Untyped, context: ParseContext) -> None:
    """Add the body, plain and as HTML; the RTF that Outlook keeps beside them is read if there is neither."""
    properties = message.properties
    page, plain, raw = properties.str_prop_value(_HTML), message.body, properties.binary_prop_value(_HTML)
    if raw:
        number = properties.int_prop_value(_CODE_PAGE)
        page = decode(raw.rstrip(b"\0"), "utf-8" if number == _UTF8 else f"cp{number}")
    packed = properties.binary_prop_value(_RTF)
    if packed and not plain and not page:
        from compressed_rtf import decompress

        plain = next(parse_rich_text(decompress(packed), context)).text
    if plain:
        mail.set_content(plain)
    if page and plain:
        mail.add_alternative(page, subtype="html")
    elif page:
        mail.set_content(page, subtype="html")


def _person(recipient: Untyped) -> str:
    name, address = recipient.name or "", recipient.email_address
    return f'"{name}" <{address}>' if name and name != address and '"' not in name else address
