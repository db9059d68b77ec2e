"""A neighbourhood graph entered through a tree, by Microsoft's SPTAG, https://github.com/microsoft/SPTAG.

Wang and Li, "Query-driven iterated neighborhood graph search for large scale indexing", 2012; the tree is one of
balanced k-means (BKT) or a k-d tree (KDT). SPTAG treats equal vectors as one, deletes by vector, and answers unexpected
input wrongly; so it sees checked, distinct rows, and its candidates are scored exactly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import files, sptag_library
from .duplicate_rows import Twins
from .errors import EngineMissing, IndexDamaged
from .files import Folder
from .rebuilt import RebuiltIndex
from .registry import row
from .rows import Keep
from .scratch import scratch_folder
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Vectors

_FILES = ("indexloader.ini", "tree.bin", "graph.bin", "deletes.bin")
"""Files of a SPTAG index besides the vectors."""


@dataclass(frozen=True, kw_only=True)
class SptagBuild(Parameters):
    """Build parameters of SPTAG."""

    algorithm: str = param("bkt", "the tree: balanced k-means, or k-d", choices=("bkt", "kdt"))
    neighbours: int = param(32, "links per vector: more is better and bigger", low=2, high=512)
    cef: int = param(200, "candidates for the links of a vector: more is better and slower", low=1, high=100_000)
    refine_checks: int = param(512, "vectors looked at for them: more is better and slower", low=1, high=1 << 20)


@dataclass(frozen=True, kw_only=True)
class SptagSearch(Parameters):
    """Search parameters of SPTAG."""

    max_check: int = param(
        2048, "vectors looked at: more is better and slower", low=1, high=1 << 30, effort=(32, 65_536)
    )


class SptagIndex(RebuiltIndex):
    """A graph entered through a tree; the scores are exact."""

    name = "sptag"
    Build = SptagBuild
    Search = SptagSearch
    sweeps = Sweeps(
        quick=("neighbours=16,max_check=64|256|1024",),
        full=("algorithm=bkt|kdt,neighbours=16|32,max_check=32..8192",),
        first=("neighbours=16",),
        more=("",),
    )
    build_params: SptagBuild
    recall_floor = 0.95
    lifts = True
    _graph: Any
    _twins: Twins

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        try:
            self._sptag = sptag_library.load()
        except ImportError as error:
            raise EngineMissing(
                f"the index {self.name!r} needs SPTAG, which cannot be imported ({error}): {row(self.name).install}"
            ) from error
        self._files: dict[str, bytes] = {}
        self._checks = threading.Lock()  # MaxCheck is a state of SPTAG's index, not an argument

    def _engine_build(self, x: Vectors) -> None:
        self._twins = Twins.among(x)
        stored = self._lifted(self._twins.one_of_each(x))
        wanted = self.build_params
        with scratch_folder("sptag-") as folder:
            job = {
                "folder": str(folder),
                "algorithm": wanted.algorithm.upper(),
                "dim": stored.shape[1],
                "n": len(stored),
                "options": {
                    "DistCalcMethod": "L2",
                    "NumberOfThreads": "1",
                    "TPTNumber": "0",  # random partitions to start from: each costs 0.1 s of sleep and gains nothing
                    "NeighborhoodSize": str(wanted.neighbours),
                    "CEF": str(wanted.cef),
                    "MaxCheckForRefineGraph": str(wanted.refine_checks),
                    # by default a search of the k-d tree gives up after three steps without a nearer vector
                    "ThresholdOfNumberOfContinuousNoBetterPropagation": "1000000",
                },
            }
            done = subprocess.run(
                [sys.executable, "-I", sptag_library.__file__, json.dumps(job)],
                input=stored.data.cast("B"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip()[-500:]
                raise RuntimeError(f"SPTAG's build ended with {done.returncode}: {said or 'it crashed'}")
            self._open(folder)
            self._files = {name: (folder / name).read_bytes() for name in _FILES}

    def _open(self, folder: Path) -> None:
        with sptag_library.quiet():
            self._graph, self._max_check = self._sptag.AnnIndex.Load(str(folder)), 0

    def _engine_search(self, q: Vectors, k: int, params: SptagSearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - SPTAG has no filter
        queries = np.ascontiguousarray(self._lifted_queries(q))
        wanted = max(params.max_check, k)
        with self._checks:
            if wanted != self._max_check:
                with sptag_library.quiet():
                    self._graph.SetSearchParam("MaxCheck", str(wanted), "Index")
                self._max_check = wanted
            found = self._graph.BatchSearch(queries.tobytes(), len(queries), k, False)
        rows = self._twins.rows(np.array(found[0], np.int64).reshape(len(q), k))
        return np.zeros(rows.shape, np.float32), rows

    def _engine_bytes(self) -> dict[str, int]:
        saved = sum(map(len, self._files.values()))
        twins = self._twins.nbytes
        return {"graph": saved, "saved graph": saved, "copy": self._copy_bytes(), "twins": twins}

    def _copy_bytes(self) -> int:
        different = self._held if self._twins.of is None else int(self._twins.of.max()) + 1
        return 4 * different * self._width

    def _engine_write(self, folder: Folder) -> None:
        if self._plain is None:
            raise NotImplementedError
        for name, content in self._files.items():
            (folder / name).write_bytes(content)
        if self._twins.of is not None:
            files.write_array(folder / "twins.npy", self._twins.of)
        stored = self._lifted(self._twins.one_of_each(self._plain.rows[self._places.rows]))
        with (folder / "vectors.bin").open("wb") as file:
            file.write(np.array(stored.shape, np.int32).tobytes())
            file.write(stored.data.cast("B"))

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._files = {name: files.read_bytes(folder / name) for name in _FILES}
        path = folder / "twins.npy"
        self._twins = Twins(np.asarray(files.read_array(path, np.int64, (n_rows,))) if path.exists() else None)
        expected = 8 + self._copy_bytes()
        if (folder / "vectors.bin").stat().st_size != expected:
            raise IndexDamaged(f"vectors.bin in {folder} does not hold {n_rows} rows")
        self._open((folder / "tree.bin").parent)
