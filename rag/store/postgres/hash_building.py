"""Hashes of stored vectors: of all of them, when the index is built, and of those that are left, when bytes go."""

from __future__ import annotations

import numpy as np

from . import hashes, reading
from .connection import Connection
from .hashing import Hashing, Ids, Matrix, directions, unit
from .segments import new_segment

_BLOCK = 20_000
"""Chunks of a segment; and of the sample whose mean is the centre."""
_HEADER, _TRAILER = 19, 2  # bytes, of COPY's binary form


def build(db: Connection, nbits: int, dim: int) -> None:
    """Hash all stored vectors, inside the caller's transaction."""
    ids = reading.chunk_ids(db)
    sample = reading.vectors(db, ids[:: max(1, len(ids) // _BLOCK)], dim)
    centre = unit(sample).mean(axis=0) if len(sample) else np.zeros(dim)
    own = Hashing(new_segment(db), directions(nbits, dim), np.asarray(centre, np.float32))
    hashes.begin(db, own, len(ids))
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        found, vectors = _vectors(db, int(block[0]), int(block[-1]), dim)
        hashes.write(db, new_segment(db), found, own.hashed(vectors))
    while hashes.join(db):
        pass


def _vectors(db: Connection, first: int, last: int, dim: int) -> tuple[Ids, Matrix]:
    """Return the ids and vectors of a range of chunks, in a fraction of the time that single values take."""
    kind = np.dtype([("head", "V6"), ("id", ">i8"), ("length", "V4"), ("dim", "V4"), ("vector", ">f4", (dim,))])
    query = f"copy (select id, vector from chunks where id between {first:d} and {last:d}) to stdout (format binary)"  # noqa: S608 - numbers
    with db.cursor() as cursor, cursor.copy(query) as copy:
        raw = b"".join(copy)
    rows = np.frombuffer(memoryview(raw)[_HEADER:-_TRAILER], kind)
    return rows["id"].astype(np.int64), rows["vector"].astype(np.float32)


def prune(db: Connection) -> None:
    """Write the segments anew that hold hashes of removed chunks, inside the caller's transaction."""
    own = hashes.hashing(db)
    if own is None:
        return
    there = reading.chunk_ids(db)
    for segment in hashes.numbers(db):
        ids, codes = hashes.read(db, own, [segment])[segment]
        left = np.isin(ids, there)
        if not left.all():
            db.execute("delete from hashes where segment = %s", (segment,))
            hashes.write(db, new_segment(db), ids[left], codes[left])
