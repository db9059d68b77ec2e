"""A forest of random splits, by Spotify's annoy, https://github.com/spotify/annoy.

annoy's forests can neither grow nor shrink, live in a file that is mapped into memory, and reserve memory for every
number up to the largest used. So new vectors stay beside the forest until it is rebuilt, annoy sees rows and never ids,
and the file that it maps is in memory, where no other process can truncate it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import files
from .errors import IndexDamaged
from .files import Folder
from .memory_file import MemoryFile
from .rebuilt import RebuiltIndex
from .registry import library
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Vectors

_METRICS = {"cosine": "angular", "ip": "euclidean", "l2": "euclidean"}


@dataclass(frozen=True, kw_only=True)
class AnnoyBuild(Parameters):
    """Build parameters of annoy."""

    n_trees: int = param(50, "trees: more is better, bigger and slower to build", low=1, high=10_000)


@dataclass(frozen=True, kw_only=True)
class AnnoySearch(Parameters):
    """Search parameters of annoy."""

    search_k: int | None = param(
        None, "nodes looked at: more is better and slower; auto takes 4 * n_trees * k", low=1, effort=(50, 100_000)
    )


class AnnoyIndex(RebuiltIndex):
    """A forest of random splits; candidates are scored exactly."""

    name = "annoy"
    Build = AnnoyBuild
    Search = AnnoySearch
    sweeps = Sweeps(
        quick=("n_trees=10|50,search_k=200|1000|5000",),
        full=("n_trees=10..200,search_k=100..25600",),
        first=("n_trees=20",),
        more=("n_trees=50|100",),
    )
    build_params: AnnoyBuild
    recall_floor = 0.9
    lifts = True
    _forest: Any
    _file: MemoryFile

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._annoy = library("annoy", self.name)

    def _engine_build(self, x: Vectors) -> None:
        forest = self._annoy.AnnoyIndex(self._width, _METRICS[self.metric])
        forest.set_seed(self.seed + 1)  # annoy reads 0 as its default seed
        for row, vector in enumerate(self._lifted(x)):
            forest.add_item(row, vector)
        forest.build(self.build_params.n_trees, n_jobs=1)
        self._forest, self._file = forest, MemoryFile()
        forest.save(self._file.path)  # annoy maps this file

    def _engine_search(self, q: Vectors, k: int, params: AnnoySearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - annoy has no filter
        rows = np.full((len(q), k), -1, np.int64)
        nodes = 4 * self.build_params.n_trees * k if params.search_k is None else max(params.search_k, k)
        for i, query in enumerate(self._lifted_queries(q)):
            found = self._forest.get_nns_by_vector(query, k, nodes)
            rows[i, : len(found)] = found
        return np.zeros(rows.shape, np.float32), rows

    def _engine_bytes(self) -> dict[str, int]:
        return {"forest": self._file.size()}

    def _engine_write(self, folder: Folder) -> None:
        (folder / "forest.annoy").write_bytes(self._file.read())

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._file = MemoryFile(files.read_bytes(folder / "forest.annoy"))
        self._forest = self._annoy.AnnoyIndex(self._width, _METRICS[self.metric])
        try:
            self._forest.load(self._file.path)
        except OSError as error:
            raise IndexDamaged(f"forest.annoy in {folder} cannot be read by annoy: {error}") from error
        if self._forest.get_n_items() != n_rows:
            raise IndexDamaged(f"forest.annoy in {folder} holds {self._forest.get_n_items()} rows, expected {n_rows}")
