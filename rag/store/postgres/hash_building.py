"""Hashes of stored vectors: of all of them, when the index is built, and of those that are left, when bytes go."""

from __future__ import annotations

import numpy as np

from ..similarities import unit
from . import hashes, reading
from .connection import Connection
from .hashing import Hashing, Ids, Matrix, directions
from .segments import new_segment

_BLOCK = 20_000
"""Chunks whose vectors are read at once; and of the sample whose mean is the centre."""
_SEGMENT = 400_000
_HEADER, _TRAILER = 19, 2  # bytes, of COPY's binary form


def build(db: Connection, nbits: int, dim: int) -> None:
    """Hash all stored vectors, inside the caller's transaction."""
    ids = reading.chunk_ids(db)
    sample = reading.vectors(db, ids[:: max(1, len(ids) // _BLOCK)], dim)
    centre = unit(sample).mean(axis=0) if len(sample) else np.zeros(dim)
    own = Hashing(new_segment(db), directions(nbits, dim), np.asarray(centre, np.float32))
    hashes.begin(db, own, len(ids))
    for start in range(0, len(ids), _SEGMENT):
        segment = ids[start : start + _SEGMENT]
        blocks = (segment[at : at + _BLOCK] for at in range(0, len(segment), _BLOCK))
        codes = np.concatenate([own.hashed(_vectors(db, block, dim)) for block in blocks])
        hashes.write(db, new_segment(db), segment, codes)


def _vectors(db: Connection, ids: Ids, dim: int) -> Matrix:
    """Return the vectors of all chunks of a range, in a fraction of the time that single values take."""
    kind = np.dtype([("head", "V6"), ("id", ">i8"), ("length", "V4"), ("dim", "V4"), ("vector", ">f4", (dim,))])
    query = f"select id, vector from chunks where id between {ids[0]:d} and {ids[-1]:d} order by id"  # noqa: S608 - numbers
    with db.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format binary)") as copy:
        raw = b"".join(copy)
    rows = np.frombuffer(memoryview(raw)[_HEADER:-_TRAILER], kind)
    return rows["vector"].astype(np.float32)


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
