"""MSG files: Outlook's messages, by python-oxmsg; made into a mail, and read as one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime

from .errors import LoadError
from .formats import ParseContext, Untyped
from .mail import parse as parse_mail
from .results import Failed, Parsed


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed | Failed]:
    """Read an Outlook message: its headers, its body, and every attachment of a readable type."""
    from oxmsg import Message

    try:
        message = Message.load(io.BytesIO(data))
        mail, unread = _mail(message)
    except Exception as error:  # noqa: BLE001 - a broken property can fail in many ways
        raise LoadError("parse", f"not a readable MSG: {error}") from None
    yield from parse_mail(mail.as_bytes(), context)
    for name in unread:
        yield Failed(name, "type", "an attachment that is a message or an object of Outlook; save it as a file", "msg")


def _mail(message: Untyped) -> tuple[EmailMessage, list[str]]:
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
    if message.body:
        mail.set_content(message.body)
    elif message.html_body:
        mail.set_content(message.html_body, subtype="html")
    unread = []
    for i, attachment in enumerate(message.attachments, 1):
        name = attachment.file_name or f"attachment {i}"
        if attachment.file_bytes is None:
            unread.append(name)
        else:
            mail.add_attachment(attachment.file_bytes, maintype="application", subtype="octet-stream", filename=name)
    return mail, unread


def _person(recipient: Untyped) -> str:
    name, address = recipient.name or "", recipient.email_address
    return f'"{name}" <{address}>' if name and name != address and '"' not in name else address
