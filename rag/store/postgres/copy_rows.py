"""Rows in the binary form of COPY, made many at a time: psycopg takes several times as long, value by value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .connection import Connection, Row
from .escaping import escaped

_SIGNATURE, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_BLOCK = 256  # rows that are made before they are sent
_SENT = 1 << 20
_LENGTH, _NUMBER, _DIM = Struct(">i"), Struct(">ii"), Struct(">hh")
_CHUNK = Struct(">hiqiqiiiiii")
_NULL = _LENGTH.pack(-1)
_TEXT = 25  # the number of the type
_NO_TEXTS = Struct(">iiii").pack(12, 0, 0, _TEXT)
_TEXTS = Struct(">iiiii")
CHUNK_COLUMNS = 'id, document, ordinal, start, "end", page, last_page, row, heading, terms, key, vector, tokens, text'
SENTENCE_COLUMNS = 'chunk, ordinal, start, "end", key, vector'


class ChunkRow(NamedTuple):
    """A chunk without its vector and its number of terms; ``place`` is pages and row."""

    id: int
    document: int
    ordinal: int
    start: int
    end: int
    place: tuple[int | None, int | None, int | None]
    heading: tuple[str, ...]
    key: bytes
    tokens: bytes | None
    text: str
    title: str


class SentenceRow(NamedTuple):
    """A sentence without its vector."""

    chunk: int
    ordinal: int
    start: int
    end: int
    key: bytes


def copied(db: Connection, table: str, kinds: str, rows: Iterable[Row]) -> None:
    """Copy rows into a table, if there are any."""
    every: Iterator[Row] = iter(rows)
    first = next(every, None)
    if first is None:
        return
    with db.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
        copy.set_types(kinds.split())
        copy.write_row(first)
        for row in every:
            copy.write_row(row)


def sent(db: Connection, table: str, parts: Iterable[bytes | memoryview]) -> None:
    """Copy rows into a table, given in parts of their binary form: the server takes some while others are made."""
    with db.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
        held, size = [memoryview(_SIGNATURE)], 0
        for part in parts:
            held.append(memoryview(part))
            size += len(part)
            if size >= _SENT:
                copy.write(b"".join(held))
                held, size = [], 0
        copy.write(b"".join((*held, _TRAILER)))


def chunk_rows(chunks: Sequence[ChunkRow], lengths: Iterable[int], vectors: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield the rows of chunks, given their numbers of terms and their vectors, shape (len(chunks), dim)."""
    dim = vectors.shape[1]
    numbers = memoryview(vectors.astype(">f4").tobytes())
    width, head = 4 * dim, _LENGTH.pack(4 + 4 * dim) + _DIM.pack(dim, 0)
    parts: list[bytes | memoryview] = []
    for n, (row, length) in enumerate(zip(chunks, lengths, strict=True)):
        id_, document, ordinal, start, end, place, heading, key, tokens, text, _ = row
        shown = escaped(text).encode()
        parts += (
            _CHUNK.pack(14, 8, id_, 8, document, 4, ordinal, 4, start, 4, end),
            *map(_number, place),
            _texts(heading) if heading else _NO_TEXTS,
            _NUMBER.pack(4, length),
            _LENGTH.pack(len(key)),
            key,
            head,
            numbers[n * width : (n + 1) * width],
            *((_NULL,) if tokens is None else (_LENGTH.pack(len(tokens)), tokens)),
            _LENGTH.pack(len(shown)),
            shown,
        )
        if n % _BLOCK == _BLOCK - 1:
            yield b"".join(parts)
            parts = []
    yield b"".join(parts)


def sentence_rows(sentences: Sequence[SentenceRow], vectors: NDArray[Any]) -> bytes:
    """Return the rows of sentences, given their vectors in float32 or float16, shape (len(sentences), dim)."""
    dim, size = vectors.shape[1], vectors.itemsize
    kind = np.dtype([
        ("columns", ">i2"), ("head", ">i4"), ("chunk", ">i8"),
        *((name + part, ">i4") for name in ("ordinal", "start", "end") for part in ("_bytes", "")),
        ("key_bytes", ">i4"), ("key", "S32"),
        ("bytes", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("vector", f">f{size}", (dim,)),
    ])  # fmt: skip
    rows = np.zeros(len(sentences), kind)
    chunk, ordinal, start, end, key = zip(*sentences, strict=True)
    rows["columns"], rows["head"], rows["chunk"] = 6, 8, chunk
    for name, values in (("ordinal", ordinal), ("start", start), ("end", end)):
        rows[name + "_bytes"], rows[name] = 4, values
    rows["key_bytes"], rows["key"] = 32, key
    rows["bytes"], rows["dim"], rows["vector"] = 4 + size * dim, dim, vectors
    return rows.tobytes()


def _number(value: int | None) -> bytes:
    return _NULL if value is None else _NUMBER.pack(4, value)


def _texts(texts: Sequence[str]) -> bytes:
    every = [escaped(each).encode() for each in texts]
    elements = b"".join(_LENGTH.pack(len(each)) + each for each in every)
    return _LENGTH.pack(20 + len(elements)) + _TEXTS.pack(1, 0, _TEXT, len(every), 1) + elements
