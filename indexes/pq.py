"""Product quantisation: vectors are cut in parts, each kept as the number of its nearest centre; by faiss.

Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import codes, faiss_library as native
from .codes import CodesIndex
from .drift import Described
from .spec import Parameters, Sweeps, param
from .types import Vectors


@dataclass(frozen=True, kw_only=True)
class PQBuild(Parameters):
    """Build parameters of PQ."""

    m: int | None = param(None, "parts of a vector, a divisor of dim; auto takes about dim / 4", low=1, high=4096)
    nbits: int = param(8, "bits per part", low=2, high=12)
    train_at: int | None = param(None, "vectors to train on (fewer: exact); auto: 39 * 2**nbits, at least 1,248", low=1)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class PQSearch(Parameters):
    """Search parameters of PQ."""

    refine_factor: int = param(8, "with refine: candidates for each hit", low=1, high=10_000, effort=(1, 256))


class PQIndex(CodesIndex):
    """All codes are compared with every query: a sixteenth of the memory, estimated scores."""

    name = "pq"
    Build = PQBuild
    Search = PQSearch
    sweeps = Sweeps(
        quick=("", "refine=true,refine_factor=4|16"),
        full=("nbits=8", "nbits=8|4,refine=true,refine_factor=2..32"),
        first=("refine=true",),
        more=("refine=true,nbits=4",),
    )
    build_params: PQBuild

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._m = codes.parts(self.dim, self.build_params.m)

    @property
    def recall_floor(self) -> float:
        """The floor of refined candidates, or of codes."""
        return 0.9 if self.build_params.refine else 0.6 if self.build_params.nbits >= 8 else 0.35

    def _train_at(self) -> int:
        least = 1 << self.build_params.nbits
        # Few centres are learned well from half as many vectors, and others apart from them as soon.
        training = codes.TRAINING // (2 if self.build_params.nbits <= codes.FEW_BITS else 1)
        return max(self.build_params.train_at or max(codes.TRAINING_PER_CODE * least, training), least)

    def _new(self, n: int) -> Any:  # noqa: ANN401, ARG002 - a faiss index, the same for any number of vectors
        index = native.faiss().IndexPQ(self.dim, self._m, self.build_params.nbits, native.code(self.metric))
        index.pq.cp.seed = self.seed
        index.pq.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
        return index

    def _engine_describe(self, x: Vectors) -> Described:
        """Return the squared distances to what the codes say, and the codes of the first part."""
        found = self._index.sa_encode(x)
        apart = x - self._index.sa_decode(found)
        first = found[:, 0].astype(np.int64) % self._n_groups()
        return Described(np.asarray(np.einsum("ij,ij->i", apart, apart), np.float32), first)

    def _n_groups(self) -> int:
        return 1 << min(self.build_params.nbits, 8)

    def _engine_bytes(self) -> dict[str, int]:
        return {**super()._engine_bytes(), "centres": 4 * self.dim * (1 << self.build_params.nbits)}
