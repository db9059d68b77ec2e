"""Messages between the loading process and its workers: JSON objects, each after its length in four bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">I")
MAX_FRAME = 512 << 20

Message = dict[str, object]


def pack(message: Message) -> bytes:
    """Frame a message. ASCII only, so that surrogate escapes in paths come through."""
    body = json.dumps(message).encode()
    return _HEADER.pack(len(body)) + body


class Unpacker:
    """Cuts a stream of bytes into messages; raises ValueError for anything else."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = _HEADER.size

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes, yield the messages they complete."""
        self._buffer += data
        while len(self._buffer) >= self._needed:
            (length,) = _HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise ValueError("not a frame")
            self._needed = _HEADER.size + length
            if len(self._buffer) < self._needed:
                return
            message = json.loads(self._buffer[_HEADER.size : self._needed])
            del self._buffer[: self._needed]
            self._needed = _HEADER.size
            if not isinstance(message, dict):
                raise ValueError("not a message")  # noqa: TRY004 - a broken stream, not a wrong argument
            yield message
