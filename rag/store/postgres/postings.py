"""Postings in PostgreSQL: immutable segments, in each of which a term has one blob.

A posting is 8 bytes: the chunk's id, and the chunk's length in terms with the term's frequency in it. So blobs are
joined by putting one behind the other, which the server does where small segments become a large one, and a reader
needs nothing but the blobs of a question's terms to score it. Removed chunks stay in the blobs, are named in
``removed``, and go when the segments are written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from ..postings_search import POSTING, grouped
from .connection import Connection
from .escaping import escaped, unescaped

_BLOCK = 20_000
_SIZE = POSTING.itemsize
REBUILT = 20_000
"""Chunks of a segment that is built from texts."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The rows of a segment in the binary form of COPY, and how many postings they hold."""

    rows: bytes
    postings: int


def encoded(segment: int, terms: Iterable[tuple[str, bytes]]) -> Encoded:
    """Encode the blobs of terms: in a quarter of the time that psycopg takes for as many rows."""
    parts, size = [_SIGNATURE], 0
    for term, blob in terms:
        name = escaped(term).encode()
        head, between = _HEAD.pack(4, 8, segment, len(name)), _BETWEEN.pack(8, len(blob) // _SIZE, len(blob))
        parts.append(head + name + between + blob)
        size += len(blob)
    return Encoded(b"".join((*parts, _TRAILER)), size // _SIZE)


def of_chunks(segment: int, chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> Encoded:
    """Encode the terms of chunks (ascending)."""
    return encoded(segment, ((term, records.tobytes()) for term, records in grouped(chunks, bags)))


def written(db: Connection, segment: int, made: Encoded) -> None:
    """Write a segment, inside the caller's transaction."""
    _copied(db, made)
    db.execute("insert into segments values (%s, %s)", (segment, made.postings))


_SIGNATURE, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_HEAD, _BETWEEN = Struct(">hiqi"), Struct(">iqi")


def _copied(db: Connection, made: Encoded) -> None:
    columns = "segment, term, df, blob"
    with db.cursor() as cursor, cursor.copy(f"copy postings ({columns}) from stdin (format binary)") as copy:
        copy.write(made.rows)


def segments(db: Connection) -> list[tuple[int, int]]:
    """Return the segments with their numbers of postings."""
    return [(row[0], row[1]) for row in db.rows("select id, postings from segments order by id")]


def join(db: Connection, segments: Sequence[int], into: int) -> None:
    """Make one segment of several, inside the caller's transaction."""
    db.execute(
        """with gone as (delete from postings where segment = any(%s) returning segment, term, df, blob)
           insert into postings (segment, term, df, blob)
           select %s, term, sum(df), string_agg(blob, ''::bytea order by segment) from gone group by term""",
        (list(segments), into),
    )
    count = db.one("with gone as (delete from segments where id = any(%s) returning postings) select sum(postings)::int8 from gone", (list(segments),))  # fmt: skip  # noqa: E501
    db.execute("insert into segments values (%s, %s)", (into, count))


def rewrite(db: Connection, into: int) -> None:
    """Make one segment of all, without what is removed, inside the caller's transaction."""
    removed = np.array([row[0] for row in db.rows("select chunk from removed order by chunk")], np.int64)
    total = 0
    query = """select term, array_agg(blob order by segment) from postings where segment <> %s
               group by term order by term"""
    with db.cursor("terms", binary=True) as cursor:
        cursor.execute(query, (into,))
        while rows := cursor.fetchmany(_BLOCK):
            made = encoded(into, ((unescaped(term), blob) for term, blobs in rows if (blob := _left(blobs, removed))))
            _copied(db, made)
            total += made.postings
    db.execute("delete from postings where segment <> %s", (into,))
    db.execute("delete from segments")
    db.execute("delete from removed")
    db.execute("insert into segments values (%s, %s)", (into, total))


def _left(blobs: Sequence[bytes], removed: NDArray[np.int64]) -> bytes:
    """Join blobs, without the postings of removed chunks."""
    records = np.frombuffer(b"".join(blobs), POSTING)
    return records[~np.isin(records["chunk"], removed)].tobytes()
