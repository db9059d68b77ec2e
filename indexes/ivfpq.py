"""Product-quantised codes in lists around centres, by faiss; in 4 bits a part, compared by the processor's shuffles.

Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011; the 4-bit variant after André,
Kermarrec and Le Scouarnec, "Quicker ADC: unlocking the hidden potential of product quantization with SIMD", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import codes, faiss_library as native, ranges
from .errors import InvalidInput
from .inverted_lists import ListsBuild, ListsIndex, ListsSearch
from .spec import Sweeps, param
from .types import Ids, Vectors


@dataclass(frozen=True, kw_only=True)
class IVFPQBuild(ListsBuild):
    """Build parameters of IVFPQ."""

    m: int | None = param(None, "parts of a vector, a divisor of dim; auto takes about dim / 4", low=1, high=4096)
    nbits: int = param(8, "bits per part; fast_scan has 4", low=2, high=12)
    fast_scan: bool = param(False, "codes of 4 bits in blocks: about four times as fast, coarser")
    opq: bool = param(False, "learn a rotation that makes the codes more accurate")
    train_at: int | None = param(None, "vectors to train on (fewer: exact); auto: 39 * 2**nbits, at least 2,496", low=1)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class IVFPQSearch(ListsSearch):
    """Search parameters of IVFPQ."""

    refine_factor: int = param(8, "with refine: candidates for each hit", low=1, high=10_000)


class IVFPQIndex(ListsIndex):
    """Short codes in lists: small, and fast at a hundred million."""

    name = "ivfpq"
    Build = IVFPQBuild
    Search = IVFPQSearch
    sweeps = Sweeps(
        quick=("nprobe=4|16|32", "fast_scan=true,refine=true,nprobe=4|16|32"),
        full=(
            "nlist=auto|256|1024,nprobe=1..128",
            "nlist=auto|256|1024,refine=true,refine_factor=4|16,nprobe=1..128",
            "nlist=auto|256|1024,fast_scan=true,refine=true,refine_factor=4|16,nprobe=1..128",
            "opq=true,nprobe=1..128",
        ),
        first=("", "fast_scan=true,refine=true"),
        more=("fast_scan=true,refine=true,nlist=256|1024",),
    )
    build_params: IVFPQBuild

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._m = codes.parts(self.dim, self.build_params.m)
        if self.build_params.fast_scan and self.build_params.nbits not in (4, 8):
            raise InvalidInput(f"fast_scan has codes of 4 bits: leave out nbits={self.build_params.nbits}")

    @property
    def recall_floor(self) -> float:
        """The floor of refined candidates, or of codes."""
        return 0.9 if self.build_params.refine else 0.6 if self._nbits >= 8 else 0.35

    @property
    def unseen_bound(self) -> float:  # type: ignore[override]
        """Few bits lose .04 of recall where a fifth of the rows is unseen: they are built anew earlier."""
        return 0.15 if self._nbits <= codes.FEW_BITS else super().unseen_bound

    @property
    def _nbits(self) -> int:
        return 4 if self.build_params.fast_scan else self.build_params.nbits

    def _train_at(self) -> int:
        least = max(1 << self._nbits, self.build_params.nlist or 0)
        wanted = max(codes.TRAINING_PER_CODE * (1 << self._nbits), codes.TRAINING)
        return max(self.build_params.train_at or wanted, least)

    def _odd(self, x: Vectors) -> NDArray[np.bool_] | None:
        """Keep a far centre away from the lists: fast_scan scores all lists of a search on one coarse scale."""
        return ranges.odd(x) if self.build_params.fast_scan else None

    def _new(self, n: int) -> Any:  # noqa: ANN401 - a faiss index
        faiss, metric = native.faiss(), native.code(self.metric)
        make = faiss.IndexIVFPQFastScan if self.build_params.fast_scan else faiss.IndexIVFPQ
        index = make(self._centres(), self.dim, self._nlist(n), self._m, self._nbits, metric)
        index.pq.cp.seed = self.seed
        index.pq.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
        return index

    def _learn_rotation(self, x: Vectors) -> Vectors | None:
        """Learn the rotation after which the parts lose least: Ge et al., "Optimized product quantization", 2013."""
        if not self.build_params.opq:
            return None
        faiss = native.faiss()
        matrix = faiss.OPQMatrix(self.dim, self._m)
        matrix.train(x)
        return np.ascontiguousarray(faiss.vector_to_array(matrix.A).reshape(self.dim, self.dim).T)

    def _engine_compact(self, live: Ids) -> None:
        super()._engine_compact(live)
        if self.build_params.fast_scan:
            _clear_ends(self._index)

    def _engine_bytes(self) -> dict[str, int]:
        return {**super()._engine_bytes(), "parts": 4 * self.dim * (1 << self._nbits)}


def _clear_ends(index: Any) -> None:  # noqa: ANN401 - a faiss index
    """Zero the places after the last code in the last block of every list.

    Removing leaves the old bits there, and adding then mixes the new code with them: without this, searches after
    remove and add return wrong hits (faiss 1.15.1; the contract's churn test finds it).
    """
    faiss, packer, lists_ = native.faiss(), index.get_CodePacker(), index.invlists
    nothing = np.zeros(packer.code_size, np.uint8)
    for i in range(index.nlist):
        size = lists_.list_size(i)
        used = size % packer.nvec
        if used:
            n_blocks = -(-size // packer.nvec)
            blocks = faiss.rev_swig_ptr(lists_.get_codes(i), n_blocks * packer.block_size)
            for place in range(used, packer.nvec):
                packer.pack_1(nothing, place, blocks[-packer.block_size :].reshape(1, -1))
