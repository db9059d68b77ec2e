"""Locality-sensitive hashing: one bit for each of many random directions, compared by Hamming distance, by faiss.

Directions are taken from the centre of the vectors: seen from far away, all of them would lie in one direction.

Charikar, "Similarity estimation techniques from rounding algorithms", 2002: the share of differing bits estimates the
angle between two vectors. Lengths are kept beside the bits, so that inner products and distances can be estimated too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import faiss_library as native, files, ranges, scan, signs
from .codes import CodesIndex
from .drift import Described
from .files import Folder
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Vectors

_BLOCK = 1 << 16
"""Vectors that are hashed at once: what is worked out for each takes four times as much room as the vectors."""
_SCANNED = 3
"""Rows that are found by the number of differing bits, for each candidate that is then scored exactly."""


@dataclass(frozen=True, kw_only=True)
class LSHBuild(Parameters):
    """Build parameters of LSH."""

    nbits: int | None = param(None, "bits of a hash; auto takes 4 * dim", low=8, high=1 << 16)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class LSHSearch(Parameters):
    """Search parameters of LSH."""

    candidates: int = param(
        0, "so many at least, however few hits are wanted", low=0, high=1_000_000, effort=(100, 16_000)
    )
    refine_factor: int = param(16, "candidates for each hit, found by bits alone", low=1, high=10_000, effort=(1, 256))


class LSHIndex(CodesIndex):
    """Bits of random directions: smallest, needs no training, coarse."""

    name = "lsh"
    Build = LSHBuild
    Search = LSHSearch
    sweeps = Sweeps(
        quick=("", "refine=true,refine_factor=8|32"),
        full=("nbits=128..1024", "nbits=128..1024,refine=true,refine_factor=4..64"),
        first=("refine=true",),
        more=("refine=true,nbits=256",),
    )
    build_params: LSHBuild
    format = 2
    lifts = True
    filters = "native"
    scans = True  # see `rag.retrieval.candidates.Search.is_long`
    _centre: NDArray[np.float32]
    _lengths: NDArray[np.float32]
    """float32, shape (n, 2): of what is hashed, which is the vector less the centre, and of the vector."""

    def __init__(self, dim: int, **rest: Any) -> None:  # noqa: ANN401 - as the base takes them
        super().__init__(dim, **rest)
        self.learns = not self.build_params.refine  # the centre of the first block is as good where vectors are kept

    @property
    def recall_floor(self) -> float:
        """The floor of refined candidates, or of bits."""
        return 0.6 if self.build_params.refine else 0.2

    @property
    def _nbits(self) -> int:
        return self.build_params.nbits or max(8, 4 * self.dim)

    def _train_at(self) -> int:
        return 512

    def _odd(self, x: Vectors) -> NDArray[np.bool_] | None:
        return super()._odd(x) if self._is_lifted else ranges.odd(x)

    def _new(self, n: int) -> Any:  # noqa: ANN401, ARG002 - a faiss index, the same for any number of vectors
        index = native.faiss().IndexLSH(self._width, self._nbits, True, False)
        index.rrot.init(self.seed)
        return index

    def _engine_build(self, x: Vectors) -> None:
        self._centre = self._lifted(x).mean(axis=0, dtype=np.float64).astype(np.float32)
        self._index = self._new(len(x))
        self._index.train(self._lifted(x))
        self._lengths = np.empty((0, 2), np.float32)
        self._engine_append(x)

    def _engine_append(self, x: Vectors) -> None:
        lengths = [self._lengths]
        for start in range(0, len(x), _BLOCK):
            some = self._lifted(x[start : start + _BLOCK])
            moved = some - self._centre
            self._index.add(moved)
            lengths.append(np.column_stack((_lengths(moved), _lengths(some))))
        self._lengths = np.concatenate(lengths)

    def _engine_describe(self, x: Vectors) -> Described:
        """Return the squared distances to the centre, and the first bits: of what is far away they tell less apart."""
        moved = self._lifted(x) - self._centre
        return Described(np.square(_lengths(moved)), self._index.sa_encode(moved)[:, 0].astype(np.int64))

    def _n_groups(self) -> int:
        return 256

    def _engine_search(self, q: Vectors, k: int, params: LSHSearch, keep: Keep | None) -> tuple[Scores, Ids]:
        refines = self._plain is not None  # of candidates, of which k are wanted then
        fetch = _SCANNED * k if refines else max(k * params.refine_factor, params.candidates)
        moved = self._lifted_queries(q) - self._centre
        seen = self._seen(moved)
        differing, rows = native.nearest_codes(_hashes(seen), self._codes(), min(fetch, self._held), keep)
        scores = self._estimate(q, self._along(seen, rows) if refines else self._by_angles(moved, differing), rows)
        scores[rows < 0] = -np.inf
        if refines:
            best = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        else:
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)

    def _seen(self, moved: Vectors) -> Vectors:
        """Return how far queries, as seen from the centre, lie in each direction: float32, shape (n, nbits)."""
        own = native.faiss().rev_swig_ptr(self._index.rrot.A.data(), self._nbits * self._width)
        return native.inner_products(moved, own.reshape(self._nbits, self._width))

    def _by_angles(self, moved: Vectors, differing: Scores) -> Scores:
        """Estimate how far queries lie along rows: an angle at the centre is pi times the share of differing bits."""
        return np.asarray(_lengths(moved)[:, None] * np.cos(differing * np.float32(np.pi / self._nbits)), np.float32)

    def _along(self, seen: Vectors, rows: Ids) -> Scores:
        """Estimate how far queries lie along rows from the rows' bits and what `_seen` returned.

        That tells candidates apart better than the query's own bits do: a bit counts little if the query lies close to
        the middle in its direction.
        """
        codes = self._codes()
        sums = np.stack([signs.sums(own, codes[some], "little") for own, some in zip(seen, rows, strict=True)])
        # Of a vector of length 1, the part in one of d directions at right angles is sqrt(2 / pi / d) on average.
        return np.asarray(sums / (self._nbits * np.sqrt(2 / np.pi / max(self._nbits, self._width))), np.float32)

    def _codes(self) -> NDArray[np.uint8]:
        """Return the hashes, uint8, shape (n, bytes of one): a view of what faiss holds."""
        width = self._index.code_size
        codes = native.faiss().rev_swig_ptr(self._index.codes.data(), self._held * width)
        return np.asarray(codes.reshape(-1, width), np.uint8)

    def _engine_scan(self, q: Vectors, k: int, rows: Ids) -> tuple[Scores, Ids]:
        stored = self._codes()
        moved = self._lifted_queries(q) - self._centre
        mine = _hashes(self._seen(moved))
        best: tuple[Scores, Ids] | None = None
        step = max(k, (8 << 20) // (stored.shape[1] * len(q)) + 1)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            differing = np.bitwise_count(mine[:, None, :] ^ stored[some][None]).sum(axis=2, dtype=np.float32)
            at = np.broadcast_to(some, differing.shape)
            found = (self._estimate(q, self._by_angles(moved, differing), at), at)
            best = found if best is None else scan.merge(best, found, k)
        empty = (np.empty((len(q), 0), np.float32), np.empty((len(q), 0), np.int64))
        return scan.merge(best or empty, empty, k)

    def _estimate(self, q: Vectors, along: Scores, rows: Ids) -> Scores:
        """Estimate scores from how far queries lie along rows, as seen from the centre."""
        lifted = self._lifted_queries(q)
        mine, theirs = _lengths(lifted - self._centre)[:, None], self._lengths[rows, 0]
        squares = mine**2 + theirs**2 - 2 * theirs * along
        if self.metric == "l2":
            return np.asarray(-squares, np.float32)
        mine, theirs = _lengths(lifted)[:, None], self._lengths[rows, 1]
        dots = np.asarray((mine**2 + theirs**2 - squares) / 2, np.float32)
        if self._lift is not None:
            return dots / self._lift.scale(q)[:, None]
        return np.where((theirs > 0) & (mine > 0), np.clip(dots, -1, 1), np.float32(0))

    def _engine_vectors(self, rows: Ids) -> Vectors:
        """Return the means of the directions that the bits chose, as far from the centre as the vectors are."""
        means = native.decoded(self._index, rows)
        scale = self._lengths[rows, 0] / np.maximum(_lengths(means), np.finfo(np.float32).tiny)
        return np.ascontiguousarray((means * scale[:, None] + self._centre)[:, : self.dim], np.float32)

    def _engine_compact(self, live: Ids) -> None:
        super()._engine_compact(live)
        self._lengths = self._lengths[live]

    def _engine_bytes(self) -> dict[str, int]:
        rotation = 4 * max(self.dim, self._nbits) * self.dim
        return {
            **super()._engine_bytes(),
            "lengths": self._lengths.nbytes,
            "rotation": rotation,
            "centre": self._centre.nbytes,
        }

    def _engine_write(self, folder: Folder) -> None:
        super()._engine_write(folder)
        files.write_array(folder / "lengths.npy", self._lengths)
        files.write_array(folder / "centre.npy", self._centre)

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        super()._engine_read(folder, n_rows)
        self._lengths = np.asarray(files.read_array(folder / "lengths.npy", np.float32, (n_rows, 2)), np.float32)
        self._centre = np.asarray(files.read_array(folder / "centre.npy", np.float32, (self._width,)), np.float32)


def _hashes(seen: Vectors) -> NDArray[np.uint8]:
    """Return what faiss's `sa_encode` does."""
    return np.packbits(seen >= 0, axis=1, bitorder="little")


def _lengths(x: Vectors) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", x, x)), np.float32)
