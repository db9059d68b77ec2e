"""Dates as files write them, as ISO text with a zone, so that filters can compare them."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_PDF = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?)?")
_DAY = re.compile(r"\d{4}(?:-\d\d){0,2}")


def iso_date(text: str) -> str:
    """Return a date of ISO 8601, of a mail or of a PDF as ISO text; empty if it is none of these.

    A time without a zone counts as UTC, a date without a time stays a date.
    """
    text = text.strip()
    if _DAY.fullmatch(text):
        return text
    for read in (datetime.fromisoformat, parsedate_to_datetime, _of_pdf):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            when = read(text)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).isoformat()
    return ""


def _of_pdf(text: str) -> datetime:
    match = _PDF.match(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part or i in {1, 2}) for i, part in enumerate(match.groups()[:6]))
    zone = f"{match[7]}{match[8]}:{match[9] or '00'}" if match[7] else "+00:00"
    return datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
