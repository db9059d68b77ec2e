"""Values as Milvus keeps them: it has texts of 65,535 bytes at most, and no bytes.

A value is JSON, compressed, in base64, and cut into parts. So no text of a document is ever part of an expression, and
no sign in it can be refused.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

LONGEST = 65_535
"""Bytes that a text may have."""
_PART = 60_000


def packed(value: object) -> list[str]:
    """Return the parts of a value of JSON, one at least."""
    return packed_bytes(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def unpacked(parts: Iterable[str]) -> Any:  # noqa: ANN401 - of JSON
    """Return the value of parts, in their order."""
    return json.loads(unpacked_bytes(parts))


def packed_bytes(value: bytes) -> list[str]:
    """Return the parts of bytes, one at least."""
    text = base64.b64encode(zlib.compress(value)).decode()
    return [text[start : start + _PART] for start in range(0, len(text), _PART)]


def unpacked_bytes(parts: Iterable[str]) -> bytes:
    """Return the bytes of parts, in their order."""
    return zlib.decompress(base64.b64decode("".join(parts)))
