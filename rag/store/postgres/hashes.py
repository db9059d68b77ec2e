"""Hashes of the chunks' vectors in PostgreSQL: immutable segments, each with the ids and hashes of some chunks.

A commit writes one; where there are many small ones, the server puts them one behind the other. Hashes of removed
chunks stay until their segment is written anew: readers leave them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import StoreCorrupt
from ..postings_search import due
from .connection import Connection
from .hashing import Codes, Hashing, Ids
from .segments import new_segment

_MOST = 1_000_000
"""Larger segments are joined no more: each is one value, of which a reader holds two for a moment."""
_GROWTH = 4
"""Times as many chunks as when the centre was taken, from which it is taken anew."""
_ID, _NUMBER = np.dtype("<i8"), np.dtype("<f4")


def hashing(db: Connection) -> Hashing | None:
    """Return how vectors are hashed, or None if the knowledge base has no index ``lsh``."""
    rows = db.rows("select made, directions, centre from hashing")
    if not rows:
        return None
    made, *parts = rows[0]
    every, centre = (np.frombuffer(part, _NUMBER).astype(np.float32) for part in parts)
    return Hashing(made, every.reshape(-1, len(centre)), centre)


def begin(db: Connection, own: Hashing, chunks: int) -> None:
    """Keep how vectors are hashed from now on, inside the caller's transaction; ``chunks`` have this centre."""
    parts = (own.directions.astype(_NUMBER).tobytes(), own.centre.astype(_NUMBER).tobytes())
    query = "insert into hashing (made, chunks, directions, centre) values (%s, %s, %b, %b)"
    db.execute(query, (own.made, chunks, *parts))


def is_outgrown(db: Connection, chunks: int) -> bool:
    """Say whether there are so many chunks more than there were that the centre may be another one."""
    before = db.one("select chunks from hashing")
    return before is not None and chunks > _GROWTH * before


def drop(db: Connection) -> None:
    """Remove all of it, inside the caller's transaction; readers of a state before still see it."""
    db.execute("delete from hashing")
    db.execute("delete from hashes")


def write(db: Connection, segment: int, ids: Ids, codes: Codes) -> None:
    """Write a segment, inside the caller's transaction."""
    if len(ids):
        parts = (ids.astype(_ID).tobytes(), codes.tobytes())
        query = "insert into hashes (segment, chunks, ids, codes, digest) values (%s, %s, %b, %b, %b)"
        db.execute(query, (segment, len(ids), *parts, hashlib.sha256(b"".join(parts)).digest()))


def read(db: Connection, own: Hashing, segments: Sequence[int]) -> dict[int, tuple[Ids, Codes]]:
    """Return the ids and hashes of segments.

    Raises
    ------
    StoreCorrupt
        One of them is not as long as it should be.
    """
    found = {}
    rows = db.rows("select segment, chunks, ids, codes from hashes where segment = any(%s)", (list(segments),))
    for segment, chunks, ids, codes in rows:
        if len(ids) != chunks * _ID.itemsize or len(codes) != chunks * own.width:
            raise StoreCorrupt(f"segment {segment} of the index lsh is damaged; `rag repair` builds it anew")
        hashed = np.frombuffer(codes, np.uint8).reshape(chunks, own.width)
        found[segment] = (np.frombuffer(ids, _ID).astype(np.int64), hashed)
    return found


def numbers(db: Connection) -> list[int]:
    """Return the numbers of the segments, ascending."""
    return [row[0] for row in db.rows("select segment from hashes order by segment")]


def every(db: Connection, own: Hashing) -> Iterator[tuple[Ids, Codes]]:
    """Yield the ids and hashes of each segment."""
    for segment in numbers(db):
        yield read(db, own, [segment])[segment]


def nbytes(db: Connection) -> int:
    """Return the bytes that a reader holds of them."""
    found: int = db.one("select coalesce(sum(length(ids) + length(codes)), 0)::int8 from hashes")
    return found


def join(db: Connection) -> bool:
    """Make one segment of several, inside the caller's transaction; return whether there were so many small ones."""
    held = db.rows("select segment, chunks from hashes where chunks <= %s order by segment", (_MOST,))
    segments = due([(row[0], row[1]) for row in held])
    if segments:
        db.execute(_JOIN, (segments, new_segment(db)))
    return bool(segments)


_JOIN = """with gone as (delete from hashes where segment = any(%s) returning segment, chunks, ids, codes),
    one as (select sum(chunks) as chunks, string_agg(ids, ''::bytea order by segment) as ids,
            string_agg(codes, ''::bytea order by segment) as codes from gone)
    insert into hashes (segment, chunks, ids, codes, digest)
    select %s, chunks, ids, codes, sha256(ids || codes) from one"""
