"""Search in the nearest of many lists: an inverted file of plain vectors, by faiss.

Sivic and Zisserman, "Video Google: a text retrieval approach to object matching in videos", 2003; as in Jégou, Douze
and Schmid, "Product quantization for nearest neighbor search", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import faiss_library as native
from .inverted_lists import ListsBuild, ListsIndex, ListsSearch
from .spec import Sweeps


@dataclass(frozen=True, kw_only=True)
class IVFBuild(ListsBuild):
    """Build parameters of IVF."""


@dataclass(frozen=True, kw_only=True)
class IVFSearch(ListsSearch):
    """Search parameters of IVF."""


class IVFIndex(ListsIndex):
    """Vectors in lists around centres; a search scans the lists with the nearest centres exactly."""

    name = "ivf"
    Build = IVFBuild
    Search = IVFSearch
    sweeps = Sweeps(
        quick=("nprobe=1|4|16|32",), full=("nlist=auto|64|256|1024,nprobe=1..128",), more=("nlist=64|256|1024",)
    )
    scores_exactly = True
    recall_floor = 0.95

    def _new(self, n: int) -> Any:  # noqa: ANN401 - a faiss index
        make = native.faiss().IndexIVFFlat
        return make(self._centres(), self.dim, self._nlist(n), native.code(self.metric))
