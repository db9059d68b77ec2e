"""A few bits for each number of the rotated vector, in lists around centres, by faiss.

Gao and Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound for approximate nearest
neighbor search", 2024, https://arxiv.org/abs/2405.12497; more than one bit after Gao et al., 2024,
https://arxiv.org/abs/2409.09913.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import codes, faiss_library as native
from .inverted_lists import ListsBuild, ListsIndex, ListsSearch
from .rows import Keep
from .spec import Sweeps, param
from .types import Ids, Scores, Vectors

_FEW = 1000


@dataclass(frozen=True, kw_only=True)
class RaBitQBuild(ListsBuild):
    """Build parameters of RaBitQ."""

    bits: int = param(4, "bits per number", low=1, high=8)
    train_at: int | None = param(None, "vectors to train on; fewer are searched exactly; auto: 2,496", low=1)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class RaBitQSearch(ListsSearch):
    """Search parameters of RaBitQ."""

    refine_factor: int = param(4, "with refine: candidates for each hit", low=1, high=10_000)


class RaBitQIndex(ListsIndex):
    """Codes with a bounded error that need no training besides the lists."""

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
    def recall_floor(self) -> float:
        """The floor of refined candidates, or of codes."""
        return 0.93 if self.build_params.refine else 0.8 if self.build_params.bits >= 4 else 0.4

    def _train_at(self) -> int:
        return max(self.build_params.train_at or codes.TRAINING, self.build_params.nlist or 0)

    def _new(self, n: int) -> Any:  # noqa: ANN401 - a faiss index
        make, metric = native.faiss().IndexIVFRaBitQ, native.code(self.metric)
        return make(self._centres(), self.dim, self._nlist(n), metric, True, self.build_params.bits)

    def _learn_rotation(self, x: Vectors) -> Vectors | None:
        """Return a random rotation."""
        normal = np.random.default_rng(self.seed).standard_normal((x.shape[1], x.shape[1]))
        return np.asarray(np.linalg.qr(normal)[0], np.float32, order="C")

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: RaBitQSearch) -> bool:
        if self._plain is None:  # a scan is then a search of all lists: slower, but few allowed rows may be in any list
            return self._trained and n_allowed <= _FEW
        return super()._prefers_scan(n_queries, n_allowed, params)

    def _engine_scan(self, q: Vectors, k: int, rows: Ids) -> tuple[Scores, Ids]:
        # faiss decodes only the first bit of every number; its own search over all lists uses all bits.
        faiss, keep = native.faiss(), Keep(rows, self._held)
        chosen = faiss.SearchParametersIVF(nprobe=self._index.nlist, sel=native.selector(keep))
        return self._search_lists(self._rotated(np.ascontiguousarray(q)), k, chosen)
