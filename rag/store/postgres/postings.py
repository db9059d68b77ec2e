"""Postings in PostgreSQL: immutable segments, in each of which a term has one blob.

A posting is 8 bytes: the chunk's id, and the chunk's length in terms with the term's frequency in it. So blobs are
joined by putting one behind the other, which the server does where small segments become a large one, and a reader
needs nothing but the blobs of a question's terms to score it. Removed chunks stay in the blobs, are named in
``removed``, and go when the segments are written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from ..postings_search import POSTING, TermPostings, grouped
from .connection import Connection
from .copy_rows import sent
from .escaping import escaped, unescaped

_BLOCK = 20_000
_SIZE = POSTING.itemsize
REBUILT = 20_000
"""Chunks of a segment that is built from texts."""


class Encoded:
    """The rows of a segment in the binary form of COPY, made as they are sent."""

    def __init__(self, segment: int, made: TermPostings) -> None:
        self._segment = segment
        self._made = made
        self.postings = len(made.records)

    def __iter__(self) -> Iterator[bytes]:
        raw = self._made.records.view(np.uint8).data  # cut in a fraction of the time that records take
        for term, start, end in zip(self._made.terms, self._made.starts, self._made.ends, strict=True):
            name, size = escaped(term).encode(), _SIZE * (end - start)
            head, between = _HEAD.pack(4, 8, self._segment, len(name)), _BETWEEN.pack(8, end - start, size)
            yield b"".join((head, name, between, raw[_SIZE * start : _SIZE * end]))


def of_chunks(segment: int, chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> Encoded:
    """Encode the terms of chunks (ascending)."""
    return Encoded(segment, grouped(chunks, bags))


def written(db: Connection, segment: int, made: Encoded) -> None:
    """Write a segment, inside the caller's transaction."""
    _copied(db, made)
    db.execute("insert into segments values (%s, %s)", (segment, made.postings))


_HEAD, _BETWEEN = Struct(">hiqi"), Struct(">iqi")


def _copied(db: Connection, made: Encoded) -> None:
    sent(db, "postings (segment, term, df, blob)", made)


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
            left = [(unescaped(term), _left(blobs, removed)) for term, blobs in rows]
            kept = [(term, records) for term, records in left if len(records)]
            ends = [0, *accumulate(len(records) for _, records in kept)]
            every = np.concatenate([np.zeros(0, POSTING), *(records for _, records in kept)])
            made = Encoded(into, TermPostings([term for term, _ in kept], ends[:-1], ends[1:], every))
            _copied(db, made)
            total += made.postings
    db.execute("delete from postings where segment <> %s", (into,))
    db.execute("delete from segments")
    db.execute("delete from removed")
    db.execute("insert into segments values (%s, %s)", (into, total))


def _left(blobs: Sequence[bytes], removed: NDArray[np.int64]) -> NDArray[np.void]:
    """Join blobs, without the postings of removed chunks."""
    records = np.frombuffer(b"".join(blobs), POSTING)
    return records[~np.isin(records["chunk"], removed)]
