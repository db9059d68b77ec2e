"""Compound files (OLE2): the container of Office 97-2003 and of Outlook's messages, by olefile."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ..documents.document import Field
from .errors import LoadError
from .formats import Untyped

_CODE_PAGE = 1
_PROPERTIES = {2: "title", 3: "subject", 4: "author", 5: "keywords", 12: "created", 13: "last_modified"}
_MAX_PROPERTIES = 100
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class Compound:
    """A compound file's streams; raises LoadError("parse") for broken ones."""

    def __init__(self, data: bytes) -> None:
        import olefile

        try:
            self._file: Untyped = olefile.OleFileIO(io.BytesIO(data))
        except Exception as error:  # noqa: BLE001 - a broken directory can fail in many ways
            raise LoadError("parse", f"not a readable compound file: {error}") from None

    def stream(self, name: str) -> bytes:
        """Return a stream's bytes; raises LoadError if there is none."""
        if not self._file.exists(name):
            raise LoadError("parse", f"not a file of Office 97-2003: it has no stream {name!r}")
        return bytes(self._file.openstream(name).read())

    def properties(self) -> dict[str, Field]:
        """Return title, author and dates where the file has them.

        Read here, for olefile goes over lists in properties for as long as a broken file says.
        """
        name = "\x05SummaryInformation"
        with suppress(LoadError, LookupError, OverflowError):
            data = self.stream(name) if self._file.exists(name) else b""
            begin = number(data, 44) if data else 0
            count = min(number(data, begin + 4), _MAX_PROPERTIES) if data else 0
            places = {number(data, begin + 8 + 8 * i): begin + number(data, begin + 12 + 8 * i) for i in range(count)}
            page = number(data, places[_CODE_PAGE] + 4, "<H") if _CODE_PAGE in places else 1252
            encoding = "utf-8" if page == 65001 else f"cp{page}"
            values = {
                name: _property(data, places[key], encoding) for key, name in _PROPERTIES.items() if key in places
            }
            return {name: value for name, value in values.items() if value}
        return {}


def _property(data: bytes, at: int, encoding: str) -> str:
    """Return a text or a time as text; empty for other types."""
    kind, length = number(data, at), number(data, at + 4)
    if kind == 0x1E:
        return data[at + 8 : at + 8 + length].decode(encoding, "replace").strip("\0 ")
    if kind == 0x1F:
        return data[at + 8 : at + 8 + 2 * length].decode("utf-16-le", "replace").strip("\0 ")
    if kind == 0x40:
        when = _EPOCH + timedelta(microseconds=number(data, at + 4, "<Q") // 10)
        return when.isoformat(timespec="seconds") if when.year > 1970 else ""
    return ""


def number(data: bytes, at: int, form: str = "<I") -> int:
    """Return a number at a place; raises LoadError beyond the end."""
    try:
        return int(struct.unpack_from(form, data, at)[0])
    except struct.error:
        raise LoadError("parse", "broken: it points beyond its end") from None


class Record(NamedTuple):
    """A record of PowerPoint: its type, its instance, and its bytes."""

    type: int
    instance: int
    data: bytes
    container: bool


def records(data: bytes, at: int = 0) -> Iterator[Record]:
    """Yield the records that follow one another in bytes."""
    while at + 8 <= len(data):
        head, kind, length = struct.unpack_from("<HHI", data, at)
        yield Record(kind, head >> 4, data[at + 8 : at + 8 + length], head & 15 == 15)
        at += 8 + length
