"""Postings in PostgreSQL: immutable segments, in each of which a term has one blob.

A posting is 8 bytes: the chunk's id, and the chunk's length in terms with the term's frequency in it. So blobs are
joined by putting one behind the other, which the server does where small segments become a large one, and a reader
needs nothing but the blobs of a question's terms to score it. Removed chunks stay in the blobs, are named in
``removed``, and go when the segments are written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct

import numpy as np

from ..postings_search import POSTING, grouped
from .connection import Connection
from .escaping import escaped

_BLOCK = 20_000
_SIZE = POSTING.itemsize
REBUILT = 20_000
"""Chunks of a segment that is built from texts."""


def written(db: Connection, segment: int, chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> list[int]:
    """Write a segment of the terms of chunks (ascending), inside the caller's transaction; return their lengths."""
    total = 0

    def rows() -> Iterator[tuple[str, bytes]]:
        nonlocal total
        for term, records in grouped(chunks, bags):
            total += len(records)
            yield escaped(term), records.tobytes()

    if not len(chunks):
        return []
    _copied(db, segment, rows())
    db.execute("insert into segments values (%s, %s)", (segment, total))
    return [len(bag) for bag in bags]


_SIGNATURE, _TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_HEAD, _BETWEEN = Struct(">hiqi"), Struct(">iqi")


def _copied(db: Connection, segment: int, rows: Iterable[tuple[str, bytes]]) -> None:
    """Copy the blobs of terms into a segment; in binary rows of our own, in a quarter of `copied`'s time."""

    def encoded() -> Iterator[bytes]:
        for term, blob in rows:
            name = term.encode()
            head, between = _HEAD.pack(4, 8, segment, len(name)), _BETWEEN.pack(8, len(blob) // _SIZE, len(blob))
            yield head + name + between + blob

    columns = "segment, term, df, blob"
    with db.cursor() as cursor, cursor.copy(f"copy postings ({columns}) from stdin (format binary)") as copy:
        copy.write(b"".join(chain((_SIGNATURE,), encoded(), (_TRAILER,))))


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
    query = (
        "select term, array_agg(blob order by segment) from postings where segment <> %s group by term order by term"
    )
    with db.cursor("terms", binary=True) as cursor:
        cursor.execute(query, (into,))
        while rows := cursor.fetchmany(_BLOCK):
            kept = []
            for term, blobs in rows:
                records = np.frombuffer(b"".join(blobs), POSTING)
                records = records[~np.isin(records["chunk"], removed)]
                if len(records):
                    kept.append((term, records.tobytes()))
                    total += len(records)
            _copied(db, into, kept)
    db.execute("delete from postings where segment <> %s", (into,))
    db.execute("delete from segments")
    db.execute("delete from removed")
    db.execute("insert into segments values (%s, %s)", (into, total))
