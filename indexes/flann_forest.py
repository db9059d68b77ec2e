"""Trees by OpenCV's FLANN: random k-d trees, or one hierarchy of k-means centres.

Muja and Lowe, "Scalable nearest neighbor algorithms for high dimensional data", 2014. FLANN's trees can neither grow
nor shrink, support squared Euclidean distances only, and their files hold no vectors. So plain vectors are kept here,
inner products become distances, and new vectors stay beside the trees until these are rebuilt.

OpenCV 5 crashes if it searches before a build or after a failed load, and its composite index corrupts memory when it
is loaded: the first two cannot happen here, the third is not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import IndexDamaged
from .files import Folder
from .memory_file import MemoryFile
from .rebuilt import RebuiltIndex
from .registry import library
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Vectors

_KDTREE, _KMEANS = 1, 2
"""FLANN's numbers for its algorithms."""

_CHECKS = 64
"""Least vectors compared for each hit: a filter asks for many hits, and k-d trees would miss some of them."""


@dataclass(frozen=True, kw_only=True)
class FlannBuild(Parameters):
    """Build parameters of FLANN."""

    algorithm: str = param("kmeans", "one tree of k-means, or random k-d trees", choices=("kmeans", "kdtree"))
    trees: int = param(4, "k-d trees: more is better and bigger", low=1, high=64)
    branching: int = param(32, "children of a node of the k-means tree", low=2, high=1024)
    iterations: int = param(11, "rounds of k-means in a node", low=1, high=1000)


@dataclass(frozen=True, kw_only=True)
class FlannSearch(Parameters):
    """Search parameters of FLANN."""

    checks: int = param(4096, "vectors looked at: more is better and slower", low=1, high=1 << 30, effort=(16, 65_536))


class FlannIndex(RebuiltIndex):
    """Trees that are searched best branch first; the scores are exact."""

    name = "flann"
    Build = FlannBuild
    Search = FlannSearch
    sweeps = Sweeps(
        quick=("checks=64|256|1024",),
        full=("checks=32..8192", "algorithm=kdtree,trees=4|16,checks=32..8192"),
        more=("branching=16|64",),
    )
    build_params: FlannBuild
    recall_floor = 0.95
    lifts = True
    _trees: Any

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._cv2 = library("cv2", self.name)

    def _train_at(self) -> int:
        return max(256, self.build_params.branching)

    def _engine_build(self, x: Vectors) -> None:
        wanted = self.build_params
        if wanted.algorithm == "kdtree":
            how: dict[str, int | float] = {"algorithm": _KDTREE, "trees": wanted.trees}
        else:
            how = {"algorithm": _KMEANS, "branching": wanted.branching, "iterations": wanted.iterations}
        self._cv2.setRNGSeed(self.seed)
        trees = self._cv2.flann.Index()
        trees.build(self._lifted(x), how)  # FLANN copies the vectors
        self._trees = trees

    def _engine_search(self, q: Vectors, k: int, params: FlannSearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - FLANN has no filter
        queries = self._lifted_queries(q)
        rows, distances = self._trees.knnSearch(queries, k, params={"checks": max(params.checks, _CHECKS * k)})
        return distances, rows.astype(np.int64)

    def _engine_bytes(self) -> dict[str, int]:
        copy = 4 * self._held * self._width
        return {"trees": self._saved().size(), "copy": copy}

    def _saved(self) -> MemoryFile:
        file = MemoryFile()
        self._trees.save(file.path)
        return file

    def _engine_write(self, folder: Folder) -> None:
        # Through memory: OpenCV does not notice a full disk, writing in Python does.
        (folder / "trees.flann").write_bytes(self._saved().read())

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        if self._plain is None:
            raise NotImplementedError
        trees = self._cv2.flann.Index()
        x = self._lifted(self._plain.rows[self._places.rows])
        try:
            loaded = trees.load(x, str(folder / "trees.flann"))
        except self._cv2.error as error:
            raise IndexDamaged(f"trees.flann in {folder} cannot be read by OpenCV: {error}") from error
        if not loaded:  # a search of it would crash
            raise IndexDamaged(f"trees.flann in {folder} does not hold trees of {n_rows} rows")
        self._trees = trees
