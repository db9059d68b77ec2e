"""Graph search by usearch, https://github.com/unum-cloud/USearch: HNSW over numbers of 32 or 16 bits.

Candidates are scored exactly, from the vectors as they were given. usearch's filters would call back into
Python for each vector, so more hits are requested instead.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import files
from .errors import IndexDamaged
from .files import Folder
from .rebuilt import RebuiltIndex
from .registry import library
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Vectors


@dataclass(frozen=True, kw_only=True)
class UsearchBuild(Parameters):
    """Build parameters of usearch."""

    M: int = param(16, "links per vector: more is better and bigger", low=2, high=512)
    ef_construction: int = param(128, "effort of placing a vector: more is better and slower", low=1, high=100_000)
    storage: str = param("f32", "bits of a number in the graph", choices=("f32", "bf16", "f16"))


@dataclass(frozen=True, kw_only=True)
class UsearchSearch(Parameters):
    """Search parameters of usearch."""

    ef: int = param(64, "effort of a search: more is better and slower", low=1, high=1_000_000, effort=(8, 2048))


class UsearchIndex(RebuiltIndex):
    """Graph search by usearch; candidates are scored exactly."""

    name = "usearch"
    Build = UsearchBuild
    Search = UsearchSearch
    sweeps = Sweeps(
        quick=("M=16,ef=16..256",),
        full=("M=8..64,ef_construction=64|128|400,ef=10..640", "M=16|32,storage=bf16|f16,ef=10..640"),
        first=("M=16",),
        more=("M=32", "M=16|32,storage=bf16"),
    )
    build_params: UsearchBuild
    recall_floor = 0.95
    _graph: Any

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._usearch = library("usearch.index", self.name)
        self._efforts = threading.Lock()  # the effort is a state of usearch's index, not an argument

    def _fresh(self) -> Any:  # noqa: ANN401 - usearch's index
        wanted = self.build_params
        return self._usearch.Index(
            ndim=self.dim,
            metric="ip" if self.metric == "ip" else "l2sq",
            dtype=wanted.storage,
            connectivity=wanted.M,
            expansion_add=wanted.ef_construction,
        )

    def _engine_build(self, x: Vectors) -> None:
        graph = self._fresh()
        # One thread: the same vectors give the same graph.
        graph.add(np.arange(len(x), dtype=np.uint64), x, threads=1)
        self._graph = graph

    def _engine_search(self, q: Vectors, k: int, params: UsearchSearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - see above
        rows = np.full((len(q), k), -1, np.int64)
        with self._efforts:
            self._graph.expansion_search = max(params.ef, k)
            found = self._graph.search(q, min(k, len(self._graph)), threads=1)
        if len(q) == 1:  # usearch answers a batch of one as one query
            rows[0, : len(found.keys)] = found.keys
        else:
            width = found.keys.shape[1]
            rows[:, :width] = np.where(np.arange(width) < found.counts[:, None], found.keys.astype(np.int64), -1)
        return np.zeros(rows.shape, np.float32), rows

    def _engine_bytes(self) -> dict[str, int]:
        return {
            "graph": int(self._graph.serialized_length)
        }  # memory_usage counts arenas, which are there from the start

    def _engine_write(self, folder: Folder) -> None:
        (folder / "graph.usearch").write_bytes(bytes(self._graph.save()))

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._graph = self._fresh()
        try:
            self._graph.load(files.read_bytes(folder / "graph.usearch"))
        except Exception as error:
            raise IndexDamaged(f"graph.usearch in {folder} cannot be read by usearch: {error}") from error
        if len(self._graph) != n_rows:
            raise IndexDamaged(f"graph.usearch in {folder} holds {len(self._graph)} rows, expected {n_rows}")
