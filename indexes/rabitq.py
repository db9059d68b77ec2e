"""A few bits for each number of the rotated vector, in lists around centres, by faiss.

Gao and Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound for approximate nearest
neighbor search", 2024, https://arxiv.org/abs/2405.12497; more than one bit after Gao et al., 2024,
https://arxiv.org/abs/2409.09913.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import codes, lists
from . import faiss_library as native
from .coded_lists import CodedLists
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .types import Ids, Scores, Traits, Vectors

_FEW = 1000


@dataclass(frozen=True, kw_only=True)
class RaBitQBuild(Parameters):
    """How the lists are made and vectors are coded."""

    nlist: int | None = param(None, "lists; auto takes 4 * sqrt(n), at least 39 vectors in each", low=1, high=1 << 20)
    bits: int = param(4, "bits of the code of a number", low=1, high=8)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class RaBitQSearch(Parameters):
    """How many lists are looked at, and candidates scored exactly."""

    nprobe: int | None = param(None, lists.NPROBE, low=1, high=1 << 20, effort=(1, 512))
    refine_factor: int = param(4, "with refine: candidates for each hit", low=1, high=10_000)


class RaBitQIndex(CodedLists):
    """Codes that need no training beyond the lists, with a bound on their error."""

    name = "rabitq"
    Build = RaBitQBuild
    Search = RaBitQSearch
    sweeps = Sweeps(
        quick=("nprobe=4|16|32", "refine=true,nprobe=4|16|32"),
        full=(
            "nlist=auto|256|1024,bits=1|4|8,nprobe=1..128",
            "nlist=auto|256|1024,bits=1|4,refine=true,refine_factor=4|16,nprobe=1..128",
        ),
        first=("", "refine=true,bits=1,refine_factor=8"),
        more=("bits=2|6|8", "refine=true,refine_factor=8"),
    )
    build_params: RaBitQBuild

    @property
    def traits(self) -> Traits:
        """Scores of codes, or exact ones of candidates found by codes."""
        refine = self.build_params.refine
        floor = 0.93 if refine else 0.8 if self.build_params.bits >= 4 else 0.4
        return Traits(
            exact=refine, exhaustive=False, remove="native", filter="native", add="native", recall_floor=floor
        )

    def _train_at(self) -> int:
        return max(self.build_params.nlist or 0, lists.LEAST)

    @property
    def _kind(self) -> str:
        return "IndexIVFRaBitQ"

    def _new(self, nlist: int) -> Any:  # noqa: ANN401 - a faiss index
        centres = lists.quantizer(self.dim, self.metric)
        metric = native.code(self.metric)
        return native.faiss().IndexIVFRaBitQ(centres, self.dim, nlist, metric, True, self.build_params.bits)

    def _learn_rotation(self, x: Vectors) -> Vectors | None:
        return codes.random_rotation(x.shape[1], self.seed)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: RaBitQSearch) -> bool:
        if self._plain is None:  # a scan is then a search through all lists: dearer, but a few may lie in any of them
            return self._held > 0 and n_allowed <= _FEW
        return super()._prefers_scan(n_queries, n_allowed, params)

    def _scan(self, q: Vectors, k: int, eligible: Ids) -> tuple[Scores, Ids]:
        if self._plain is not None or not self._held:
            return super()._scan(q, k, eligible)
        # What faiss decodes is but the first bit of every number; its own search over all lists uses all of them.
        faiss, keep = native.faiss(), Keep(eligible, self._held)
        chosen = faiss.SearchParametersIVF(nprobe=self._index.nlist, sel=native.selector(keep))
        return native.search(
            self._index, codes.rotated(np.ascontiguousarray(q), self._rotation), k, self.metric, chosen
        )
