"""Graph search: hierarchical navigable small worlds, by faiss.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs", 2016, https://arxiv.org/abs/1603.09320. At equal M, construction effort and ef, faiss and hnswlib find the same
share of neighbours at the same speed; faiss also filters inside the search, where hnswlib would call back into Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from . import faiss_library as native
from .dense_index import DenseIndex
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Traits, Vectors

_GATHER, _COMPARE, _STEP = 0.2, 0.016, 0.27
"""Costs of fetching a row, of comparing it with a query, and of each of the graph's M * ef comparisons, which access
memory at random: microseconds at 128 dimensions, of which only the ratios count."""


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


class HNSWIndex(DenseIndex):
    """Graph search: fast at high recall and large in memory; removed vectors are hidden until half of them are."""

    name = "hnsw"
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
        self._index = self._fresh()

    @property
    def traits(self) -> Traits:
        """Exact scores, or scores of 8-bit codes."""
        exact = self.build_params.storage == "float"
        return Traits(exact=exact, remove="tombstones", recall_floor=0.97 if exact else 0.93)

    def _fresh(self) -> Any:  # noqa: ANN401 - a faiss index
        faiss, wanted = native.faiss(), self.build_params
        metric = native.code(self.metric)
        if wanted.storage == "sq8":
            index = faiss.IndexHNSWSQ(self.dim, faiss.ScalarQuantizer.QT_8bit, wanted.M, metric)
        else:
            index = faiss.IndexHNSWFlat(self.dim, wanted.M, metric)
        index.hnsw.efConstruction = wanted.ef_construction
        index.hnsw.rng = faiss.RandomGenerator(self.seed)
        return index

    def _build(self, items: Vectors) -> None:
        index = self._fresh()
        if len(items):
            if not index.is_trained:
                index.train(items)
            index.add(items)
        self._index = index

    def _append(self, items: Vectors) -> None:
        self._index.add(items)

    def _search(self, q: Vectors, k: int, params: HNSWSearch, keep: Keep | None) -> tuple[Scores, Ids]:
        if keep is None:
            chosen = _unfiltered(max(params.ef, k))
        else:
            ef = max(int(params.ef * _widening(len(keep), keep.n_rows)), k)
            chosen = native.faiss().SearchParametersHNSW(efSearch=ef, sel=native.selector(keep))
        return native.search(self._index, q, k, self.metric, chosen)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: HNSWSearch) -> bool:
        walk = _STEP * self.build_params.M * params.ef * _widening(n_allowed, self._rows.n_rows)
        return n_allowed * (_GATHER / max(n_queries, 1) + _COMPARE) < walk

    def _vectors(self, rows: Ids) -> Vectors:
        faiss = native.faiss()
        storage = faiss.downcast_index(self._index.storage)
        if self.build_params.storage == "float":
            view = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * self.dim)
            return np.asarray(view.reshape(-1, self.dim)[rows], np.float32)
        return native.decoded(storage, rows)

    def _bytes(self) -> dict[str, int]:
        graph, n = self._index.hnsw, self._index.ntotal
        width = 4 if self.build_params.storage == "float" else 1
        return {"vectors": n * self.dim * width, "links": graph.neighbors.size() * 4, "levels": n * 12}

    def _write(self, folder: Path) -> None:
        native.write(self._index, folder / "graph.faiss")

    def _read(self, folder: Path, n_rows: int) -> None:
        self._index = native.read(folder / "graph.faiss", self._fresh(), n_rows)


@lru_cache(maxsize=256)
def _unfiltered(ef: int) -> Any:  # noqa: ANN401 - a faiss object, slower to make than to use
    return native.faiss().SearchParametersHNSW(efSearch=ef)


def _widening(n_allowed: int, n_rows: int) -> float:
    """Return the factor for ef that gives a filtered search the recall of an unfiltered one.

    The fourth root of the share fits measurements from 50 % down to 1 % (50,000 vectors, ef 64 to 512).
    """
    return float((n_rows / n_allowed) ** 0.25)
