"""Graph search: hierarchical navigable small worlds, by faiss.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", 2016, https://arxiv.org/abs/1603.09320. At equal M, construction effort and ef, faiss and hnswlib find the same
share of neighbours at the same speed; faiss also filters inside the search, where hnswlib would call back into Python.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import faiss_library as native, ranges, scan
from .files import Folder
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .staged import StagedIndex
from .types import Ids, Scores, Traits, Vectors

_GATHER, _COMPARE, _STEP = 0.2, 0.016, 0.27
"""Costs of fetching a row, of comparing it with a query, and of each of the graph's M * ef comparisons, which access
memory at random: microseconds at 128 dimensions, of which only the ratios count."""

_IN_PLACE, _IN_PLACE_SHARE = 2, 0.01
"""So many queries at most, and more than this share of the rows: else gathering the rows is faster."""
_SURE_IN_PLACE = 100_000
"""Up to this many rows, and a tenth of all, are scanned in place, for a graph would leave some of the nearest out."""

_LEAST_CODED = 1000
"""Vectors to learn the ranges of 8-bit codes in every dimension from; fewer are scanned exactly."""
_CUT = 2.5e-5
"""A vector fits codes that cut off less than this share of the square of their range, which changes no neighbour."""


@dataclass(frozen=True, kw_only=True)
class HNSWBuild(Parameters):
    """Build parameters of HNSW."""

    M: int = param(32, "links per vector: more is better and bigger", low=2, high=512)
    ef_construction: int = param(100, "effort of placing a vector: more is better and slower", low=1, high=100_000)
    storage: str = param("float", "vectors as they are, or in 8 bits a number", choices=("float", "sq8"))


@dataclass(frozen=True, kw_only=True)
class HNSWSearch(Parameters):
    """Search parameters of HNSW."""

    ef: int = param(128, "effort of a search: more is better and slower", low=1, high=1_000_000, effort=(8, 2048))


class HNSWIndex(StagedIndex):
    """Graph search: fast at high recall and large in memory; removed vectors are hidden until half of them are."""

    name = "hnsw"
    shrinks = False
    filters = "native"
    max_dead_share = 0.5
    Build = HNSWBuild
    Search = HNSWSearch
    sweeps = Sweeps(
        quick=("M=16|32,ef=16..128",),
        full=("M=8..64,ef_construction=100|400,ef=10..640", "M=16|32,storage=sq8,ef=10..640"),
        first=("M=16|32",),
        more=("M=8", "M=16,ef_construction=300", "M=24,ef_construction=200", "M=16|32|8,storage=sq8"),
    )
    build_params: HNSWBuild

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self.learns = not self.scores_exactly  # a graph of plain vectors grows as well block by block as at once

    @property
    def recall_floor(self) -> float:
        """The floor of exact scores, or of 8-bit codes."""
        return 0.97 if self.scores_exactly else 0.93

    @property
    def scores_exactly(self) -> bool:
        """Whether vectors are stored as they are."""
        return self.build_params.storage == "float"

    @property
    def traits(self) -> Traits:
        """Exact scores, or scores of 8-bit codes; removed vectors are hidden, added ones are linked at once."""
        return replace(super().traits, remove="tombstones")

    def _train_at(self) -> int:
        return 1 if self.scores_exactly else _LEAST_CODED

    def _fresh(self) -> Any:  # noqa: ANN401 - a faiss index
        faiss, wanted = native.faiss(), self.build_params
        metric = native.code(self.metric)
        if wanted.storage == "sq8":
            index = faiss.IndexHNSWSQ(self.dim, faiss.ScalarQuantizer.QT_8bit, wanted.M, metric)
        else:
            index = faiss.IndexHNSWFlat(self.dim, wanted.M, metric)
        index.hnsw.efConstruction = wanted.ef_construction
        index.hnsw.rng = faiss.RandomGenerator(self.seed)
        return self._with_all_links(index)

    def _with_all_links(self, index: Any) -> Any:  # noqa: ANN401 - a faiss index
        """Let short vectors keep their links under ``ip``.

        To spread the links, faiss would cut all but those to the longest vectors, and most others could not be
        reached: recall of the best 100 was .64, with the links .999.
        """
        index.keep_max_size_level0 = self.metric == "ip"
        return index

    def _odd(self, x: Vectors) -> NDArray[np.bool_] | None:
        return None if self.scores_exactly else ranges.odd(x)

    def _beyond(self, x: Vectors) -> NDArray[np.bool_] | None:
        if self.scores_exactly:
            return None
        low, width = self._range()
        cut = np.maximum(np.maximum(low - x, x - low - width), 0)
        return np.asarray(np.einsum("ij,ij->i", cut, cut) > _CUT * float(width @ width))

    def _range(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the lowest number that the codes cover, and how much they cover, for every dimension."""
        faiss = native.faiss()
        low, width = faiss.vector_to_array(faiss.downcast_index(self._index.storage).sq.trained).reshape(2, -1)
        return low, width

    def _engine_build(self, x: Vectors) -> None:
        self._index = self._fresh()
        if not self.scores_exactly:
            faiss = native.faiss()
            storage = faiss.downcast_index(self._index.storage)
            low, high = ranges.widened(x.min(axis=0), x.max(axis=0))
            faiss.copy_array_to_vector(np.concatenate((low, high - low)).astype(np.float32), storage.sq.trained)
            storage.is_trained = self._index.is_trained = True
        self._index.add(x)

    def _engine_append(self, x: Vectors) -> None:
        self._index.add(x)

    def _engine_compact(self, live: Ids) -> None:
        raise NotImplementedError("a graph cannot shrink: it is rebuilt")

    def _engine_search(self, q: Vectors, k: int, params: HNSWSearch, keep: Keep | None) -> tuple[Scores, Ids]:
        if keep is None and self.metric == "ip" and k > params.ef and self._prefers_scan(len(q), self._held, params):
            return self._engine_scan(q, k, np.arange(self._held))  # few links lead to the shortest of so many
        if keep is None:
            chosen = _unfiltered(max(params.ef, k))
        else:
            ef = max(int(params.ef * _widening(len(keep), keep.n_rows)), k)
            chosen = native.faiss().SearchParametersHNSW(efSearch=ef, sel=native.selector(keep))
        return native.search(self._index, q, k, self.metric, chosen)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: HNSWSearch) -> bool:
        in_place = self.scores_exactly and n_queries <= _IN_PLACE
        if scan.few_allowed(n_allowed, self._rows.n_rows, *((_SURE_IN_PLACE,) if in_place else ())):
            return True
        walk = _STEP * self.build_params.M * params.ef * _widening(n_allowed, self._rows.n_rows)
        return n_allowed * (_GATHER / max(n_queries, 1) + _COMPARE) < walk

    def _engine_scan(self, q: Vectors, k: int, rows: Ids) -> tuple[Scores, Ids]:
        """For a query or two, compare vectors where they are: that takes half as long as copying them first."""
        if self.scores_exactly and len(q) <= _IN_PLACE and len(rows) > _IN_PLACE_SHARE * self._held:
            return native.knn(q, self._plain_vectors(), k, self.metric, Keep(rows, self._held))
        return super()._engine_scan(q, k, rows)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        if self.scores_exactly:
            return np.asarray(self._plain_vectors()[rows], np.float32)
        return native.decoded(native.faiss().downcast_index(self._index.storage), rows)

    def _plain_vectors(self) -> Vectors:
        """Return all vectors where they are stored plainly: a view, float32, shape (n, dim)."""
        faiss = native.faiss()
        storage = faiss.downcast_index(self._index.storage)
        view: Vectors = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * self.dim).reshape(-1, self.dim)
        return view

    def _engine_bytes(self) -> dict[str, int]:
        graph, n = self._index.hnsw, self._index.ntotal
        width = 4 if self.build_params.storage == "float" else 1
        return {"vectors": n * self.dim * width, "links": graph.neighbors.size() * 4, "levels": n * 12}

    def _engine_write(self, folder: Folder) -> None:
        native.write(self._index, folder / "graph.faiss")

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._index = self._with_all_links(native.read(folder / "graph.faiss", self._fresh(), n_rows))


@lru_cache(maxsize=256)
def _unfiltered(ef: int) -> Any:  # noqa: ANN401 - a faiss object, slower to make than to use
    return native.faiss().SearchParametersHNSW(efSearch=ef)


def _widening(n_allowed: int, n_rows: int) -> float:
    """Return the factor for ef that gives a filtered search the recall of an unfiltered one.

    The fourth root of the share fits measurements from 50 % down to 1 % (50,000 vectors, ef 64 to 512).
    """
    return float((n_rows / n_allowed) ** 0.25)
