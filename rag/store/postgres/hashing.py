"""Hashes of vectors: a bit for each of many random directions, as seen from the centre of all vectors.

The share of bits in which two hashes differ estimates the angle between their vectors (Charikar, "Similarity
estimation techniques from rounding algorithms", 2002). A model's vectors lie to one side, where most of them would have
the same bits; from their centre they differ. One pass over the bits finds candidates, which are then compared with the
question's own numbers: its bits do not tell how far it lies in each direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes import IdSet, signs
from indexes.faiss_library import inner_products, nearest_codes
from indexes.rows import Keep

from ..similarities import unit

Codes = NDArray[np.uint8]
Ids = NDArray[np.int64]
Matrix = NDArray[np.float32]

_SEED = 20_260_100
_SCANNED, _LEAST_SCANNED = 3, 1000
"""Chunks that are found by their bits alone, for each one that is wanted, and at least."""


def directions(nbits: int, dim: int) -> Matrix:
    """Return random directions, of which ``dim`` at a time are at right angles: float32, shape (nbits, dim)."""
    rng = np.random.default_rng(_SEED)
    parts = [np.linalg.qr(rng.standard_normal((dim, dim)))[0].T for _ in range(-(-nbits // dim))]
    return np.ascontiguousarray(np.concatenate(parts)[:nbits], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Hashing:
    """How vectors become bits.

    Attributes
    ----------
    made
        Its number: another hashing has another.
    directions
        float32, shape (nbits, dim).
    centre
        float32, shape (dim,).
    """

    made: int
    directions: Matrix
    centre: Matrix

    @property
    def width(self) -> int:
        """Bytes of a hash."""
        return len(self.directions) // 8

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.directions.nbytes + self.centre.nbytes

    def hashed(self, vectors: Matrix) -> Codes:
        """Return the hashes of vectors: shape (n, width)."""
        codes: Codes = np.packbits((unit(vectors) - self.centre) @ self.directions.T > 0, axis=1)
        return codes

    def seen(self, query: Matrix) -> Matrix:
        """Return how far a query, shape (dim,), lies in each direction: float32, shape (nbits,)."""
        found: Matrix = inner_products(unit(query[None]) - self.centre, self.directions)[0]
        return found


@dataclass(frozen=True, eq=False)
class Hashes:
    """The hashes of all chunks of one state.

    Attributes
    ----------
    ids
        int64, shape (n,), in any order.
    codes
        Shape (n, width).
    """

    hashing: Hashing
    ids: Ids
    codes: Codes

    def memory(self) -> dict[str, int]:
        """Return the bytes that it takes, by part."""
        return {"hashes": self.codes.nbytes, "ids": self.ids.nbytes, "directions": self.hashing.nbytes}

    def nearest(self, query: Matrix, n: int, allow: IdSet | None) -> Ids:
        """Return the ``n`` chunks, ascending, that seem nearest to a query, shape (dim,), among those of ``allow``."""
        rows = None if allow is None else allow.keep(self, 0, self._rows).rows
        held = len(self.ids) if rows is None else len(rows)
        if held <= n:
            return np.sort(self.ids if rows is None else self.ids[rows])
        seen = self.hashing.seen(query)
        found = self._scanned(np.packbits(seen > 0)[None], rows, min(held, max(_LEAST_SCANNED, _SCANNED * n)))
        sums = signs.sums(seen, self.codes[found], "big")
        return np.sort(self.ids[found[np.argpartition(-sums, n - 1)[:n]]])

    def _scanned(self, code: Codes, rows: Ids | None, n: int) -> Ids:
        """Return ``n`` rows in whose hashes the fewest bits differ."""
        held = len(self.codes) if rows is None else len(rows)
        if n >= held:
            return np.arange(held) if rows is None else rows
        codes = self.codes if rows is None else np.take(self.codes.view(np.uint64), rows, axis=0).view(np.uint8)
        found = nearest_codes(code, codes, n)[1][0]
        return np.asarray(found if rows is None else rows[found], np.int64)

    def _rows(self, ids: Ids) -> Keep:
        """Return the rows of ids."""
        last = max(int(self.ids.max(initial=-1)), int(ids[-1]) if len(ids) else -1)
        wanted = np.zeros(last + 1, np.bool_)
        wanted[ids] = True
        return Keep(np.flatnonzero(wanted[self.ids]), len(self.ids))
