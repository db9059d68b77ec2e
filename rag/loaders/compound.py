"""Compound files (OLE2): the container of Office 97-2003 and of Outlook's messages, by olefile."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from ..documents import Field
from .errors import LoadError
from .formats import Untyped


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
        """Return title, author and dates where the file has them."""
        with suppress(Exception):  # properties are worth no failure
            meta = self._file.get_metadata()
            encoding = f"cp{meta.codepage}" if meta.codepage and meta.codepage != 65001 else "utf-8"
            texts = {"title": meta.title, "author": meta.author, "subject": meta.subject, "keywords": meta.keywords}
            dates = {"created": meta.create_time, "last_modified": meta.last_saved_time}
            return {
                **{name: text.decode(encoding, "replace").strip("\0 ") for name, text in texts.items() if text},
                **{name: f"{when.isoformat()}+00:00" for name, when in dates.items() if when and when.year > 1970},
            }
        return {}


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
