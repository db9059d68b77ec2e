"""Vectors of bits by their Hamming distance, packed eight to a byte; by faiss's binary indexes.

Of vectors of 0 and 1 the squared Euclidean distance is the number of bits that differ, so the metric is ``l2`` and the
scores are those of every other engine. Memory is a thirty-second, and a comparison counts bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import faiss_library as native, files
from .codes import TRAINING_PER_CODE
from .drift import Described
from .errors import IndexDamaged, InvalidInput
from .files import Folder
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .staged import StagedIndex
from .types import Ids, Scores, Traits, Vectors

Codes = NDArray[np.uint8]
"""Bits packed into bytes, shape (n, ceil(dim / 8)); the last ones are 0."""


@dataclass(frozen=True, kw_only=True)
class BitsBuild(Parameters):
    """Build parameters of bits."""

    kind: str = param("flat", "exact search, a graph, or lists around centres", choices=("flat", "hnsw", "ivf"))
    M: int = param(32, "hnsw: links per vector", low=2, high=512)
    ef_construction: int = param(128, "hnsw: effort of placing a vector", low=1, high=100_000)
    nlist: int | None = param(None, "ivf: number of lists; auto takes about 4 * sqrt(n)", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class BitsSearch(Parameters):
    """Search parameters of bits."""

    ef: int = param(64, "hnsw: effort of a search", low=1, high=1_000_000, effort=(8, 2048))
    nprobe: int = param(16, "ivf: lists searched", low=1, high=1_000_000)


class BitsIndex(StagedIndex):
    """Bits by Hamming distance: exact, by a graph, or by lists.

    No sweep tries it unasked, for it takes bits only.
    """

    name = "bits"
    filters = "overfetch"
    max_dead_share = 0.5
    Build = BitsBuild
    Search = BitsSearch
    sweeps = Sweeps(quick=(), full=(), first=())
    build_params: BitsBuild
    _FLOORS: ClassVar[dict[str, float]] = {"flat": 1.0, "hnsw": 0.9, "ivf": 0.7}
    _index: Any = None

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        if self.metric != "l2":
            raise InvalidInput(
                f"{self.name} has the Hamming distance of bits, which is their l2: metric {self.metric!r} "
                "needs another index"
            )
        native.faiss()  # if it is missing, say so now
        self._codes: Codes = np.empty((0, -(-self.dim // 8)), np.uint8)

    @property
    def recall_floor(self) -> float:
        """By kind."""
        return self._FLOORS[self.build_params.kind]

    @property
    def scores_exactly(self) -> bool:
        """Always: bits lose nothing by being packed."""
        return True

    @property
    def traits(self) -> Traits:
        """Exact scores; exhaustive without a graph or lists."""
        return replace(super().traits, exhaustive=self.build_params.kind == "flat")

    def _ready(self, x: ArrayLike, name: str) -> tuple[Vectors, float]:
        vectors, longest = super()._ready(x, name)
        _refuse_others(vectors, name)
        return vectors, longest

    def _train_at(self) -> int:
        return TRAINING_PER_CODE * (self.build_params.nlist or 1) if self.build_params.kind == "ivf" else 1

    def _fresh(self, n: int) -> Any:  # noqa: ANN401 - a faiss index
        faiss, wanted, width = native.faiss(), self.build_params, 8 * self._codes.shape[1]
        if wanted.kind == "hnsw":
            index = faiss.IndexBinaryHNSW(width, wanted.M)
            index.hnsw.efConstruction = wanted.ef_construction
            index.hnsw.rng = faiss.RandomGenerator(self.seed)
            return index
        nlist = wanted.nlist or max(1, min(n // TRAINING_PER_CODE, int(4 * n**0.5)))
        centres = faiss.IndexBinaryFlat(width)
        index = faiss.IndexBinaryIVF(centres, width, nlist)
        index.referenced_objects = [centres]
        index.cp.seed = self.seed
        index.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
        return index

    def _engine_build(self, x: Vectors) -> None:
        self._codes = _packed(x)
        self._rebuild()

    def _rebuild(self) -> None:
        if self.build_params.kind == "flat":
            return
        self._index = self._fresh(len(self._codes))
        if self.build_params.kind == "ivf":
            self._index.train(self._codes)
        self._index.add(self._codes)

    def _engine_append(self, x: Vectors) -> None:
        new = _packed(x)
        if self._index is not None:
            self._index.add(new)
        self._codes = np.concatenate((self._codes, new))

    def _engine_compact(self, live: Ids) -> None:
        self._codes = self._codes[live]
        self._rebuild()

    def _engine_search(self, q: Vectors, k: int, params: BitsSearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - it does not filter
        _refuse_others(q, "queries")
        faiss, codes = native.faiss(), _packed(q)
        if self.build_params.kind == "flat":
            distances, rows = faiss.knn_hamming(codes, self._codes, k)
        elif self.build_params.kind == "hnsw":
            chosen = faiss.SearchParametersHNSW(efSearch=max(params.ef, k))
            distances, rows = self._index.search(codes, k, params=chosen)
        else:
            chosen = faiss.SearchParametersIVF(nprobe=min(params.nprobe, self._index.nlist))
            distances, rows = self._index.search(codes, k, params=chosen)
        scores = -distances.astype(np.float32)
        scores[rows < 0] = -np.inf
        return scores, rows

    def _engine_vectors(self, rows: Ids) -> Vectors:
        return np.unpackbits(self._codes[rows], axis=1, count=self.dim).astype(np.float32)

    def _engine_describe(self, x: Vectors) -> Described | None:
        if self.build_params.kind != "ivf":
            return None
        distances, lists = self._index.quantizer.search(_packed(x), 1)
        return Described(distances[:, 0].astype(np.float32), lists[:, 0])

    def _n_groups(self) -> int:
        return int(self._index.nlist) if self.build_params.kind == "ivf" else 0

    def _engine_bytes(self) -> dict[str, int]:
        kind, n = self.build_params.kind, len(self._codes)
        if kind == "flat":
            return {"codes": self._codes.nbytes}
        if kind == "hnsw":
            return {"codes": 2 * self._codes.nbytes, "links": self._index.hnsw.neighbors.size() * 4, "levels": n * 12}
        return {"codes": 2 * self._codes.nbytes, "ids": n * 8, "centres": self._index.nlist * self._codes.shape[1]}

    def _engine_write(self, folder: Folder) -> None:
        files.write_array(folder / "codes.npy", self._codes)
        if self._index is not None:
            (folder / "index.faiss").write_bytes(native.faiss().serialize_index_binary(self._index).tobytes())

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._codes = files.read_array(folder / "codes.npy", np.uint8, (n_rows, -(-self.dim // 8)))
        if self.build_params.kind == "flat":
            return
        raw = np.frombuffer(files.read_bytes(folder / "index.faiss"), np.uint8)
        try:
            self._index = native.faiss().deserialize_index_binary(raw)
        except RuntimeError as error:
            raise IndexDamaged(f"index.faiss in {folder} cannot be read by faiss: {error}") from error
        like = self._fresh(n_rows)
        found, expected = (
            (type(each).__name__, n, each.d) for each, n in ((self._index, self._index.ntotal), (like, n_rows))
        )
        if found != expected:
            raise IndexDamaged(f"index.faiss in {folder} holds (class, rows, bits) {found}, expected {expected}")


def _packed(x: Vectors) -> Codes:
    return np.packbits(x > 0, axis=1)


def _refuse_others(x: Vectors, name: str) -> None:
    bad = np.flatnonzero(((x != 0) & (x != 1)).any(axis=1))
    if len(bad):
        raise InvalidInput(f"{name}[{bad[0]}] holds other numbers than 0 and 1: the index bits takes bits only")
