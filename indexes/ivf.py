"""Search in the nearest of many lists: an inverted file of plain vectors, by faiss.

Sivic and Zisserman, "Video Google: a text retrieval approach to object matching in videos", 2003; as in Jégou, Douze
and Schmid, "Product quantization for nearest neighbor search", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import faiss_library as native
from . import lists
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .staged import StagedIndex
from .types import Ids, Scores, Traits, Vectors


@dataclass(frozen=True, kw_only=True)
class IVFBuild(Parameters):
    """How the lists are made."""

    nlist: int | None = param(None, "lists; auto takes 4 * sqrt(n), at least 39 vectors in each", low=1, high=1 << 20)


@dataclass(frozen=True, kw_only=True)
class IVFSearch(Parameters):
    """How many lists are looked at."""

    nprobe: int | None = param(None, lists.NPROBE, low=1, high=1 << 20, effort=(1, 512))


class IVFIndex(StagedIndex):
    """The vectors in lists around centres; a search looks at the lists whose centres are nearest, exactly."""

    name = "ivf"
    Build = IVFBuild
    Search = IVFSearch
    sweeps = Sweeps(
        quick=("nprobe=1|4|16|32",), full=("nlist=auto|64|256|1024,nprobe=1..128",), more=("nlist=64|256|1024",)
    )
    build_params: IVFBuild
    _index: Any

    @property
    def traits(self) -> Traits:
        """Exact scores of what lies in the lists that are looked at."""
        return Traits(exact=True, exhaustive=False, remove="native", filter="native", add="native", recall_floor=0.95)

    def _train_at(self) -> int:
        return max(self.build_params.nlist or 0, lists.LEAST)

    def _outgrown(self) -> bool:
        return self.build_params.nlist is None and self._held > 0 and lists.outgrown(self._index, self._held)

    def _engine_build(self, x: Vectors) -> None:
        faiss = native.faiss()
        nlist = self.build_params.nlist or lists.auto(len(x))
        index = faiss.IndexIVFFlat(lists.quantizer(self.dim, self.metric), self.dim, nlist, native.code(self.metric))
        self._index = lists.trained(index, x, self.seed)
        self._engine_append(x)

    def _engine_append(self, x: Vectors) -> None:
        self._index.add(x)

    def _engine_search(self, q: Vectors, k: int, params: IVFSearch, keep: Keep | None) -> tuple[Scores, Ids]:
        return native.search(self._index, q, k, self.metric, lists.parameters(params.nprobe, self._index, keep))

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: IVFSearch) -> bool:
        return self._held > 0 and lists.scan_is_cheaper(self._index, n_queries, n_allowed, params.nprobe)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        return native.decoded(self._index, rows)

    def _engine_compact(self, live: Ids) -> None:
        lists.compact(self._index, live)

    def _engine_bytes(self) -> dict[str, int]:
        return lists.sizes(self._index)

    def _engine_write(self, folder: Path) -> None:
        native.write(self._index, folder / "lists.faiss")

    def _engine_read(self, folder: Path, n_rows: int) -> None:
        self._index = native.read(folder / "lists.faiss", "IndexIVFFlat", n_rows, self.dim, self.metric)
