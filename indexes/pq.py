"""Product quantisation: vectors are cut in parts, each kept as the number of its nearest centre; by faiss.

Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import codes
from . import faiss_library as native
from .rows import Keep
from .spec import Parameters, Sweeps, param
from .staged import StagedIndex
from .types import Ids, Scores, Traits, Vectors


@dataclass(frozen=True, kw_only=True)
class PQBuild(Parameters):
    """How vectors are coded."""

    m: int | None = param(None, "parts of a vector, a divisor of dim; auto takes about dim / 4", low=1, high=4096)
    nbits: int = param(8, "bits of the code of a part", low=2, high=12)
    train_at: int | None = param(None, "vectors to train on; fewer are searched exactly; auto: 39 * 2**nbits", low=1)
    refine: bool = param(False, "keep the vectors too and score candidates exactly")


@dataclass(frozen=True, kw_only=True)
class PQSearch(Parameters):
    """How many candidates are scored exactly."""

    refine_factor: int = param(8, "with refine: candidates for each hit", low=1, high=10_000, effort=(1, 256))


class PQIndex(StagedIndex):
    """Every code is compared with every query: a sixteenth of the memory, scores by estimate."""

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
    _index: Any

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._m = codes.parts(self.dim, self.build_params.m)

    @property
    def traits(self) -> Traits:
        """Scores of codes, or exact ones of candidates found by codes."""
        refine = self.build_params.refine
        floor = 0.9 if refine else 0.6 if self.build_params.nbits >= 8 else 0.35
        return Traits(
            exact=refine, exhaustive=False, remove="native", filter="overfetch", add="native", recall_floor=floor
        )

    def _train_at(self) -> int:
        least = 1 << self.build_params.nbits
        return max(self.build_params.train_at or codes.TRAINING_PER_CODE * least, least)

    def _engine_build(self, x: Vectors) -> None:
        index = native.faiss().IndexPQ(self.dim, self._m, self.build_params.nbits, native.code(self.metric))
        index.pq.cp.seed = self.seed
        index.pq.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
        index.train(x)
        self._index = index
        self._engine_append(x)

    def _engine_append(self, x: Vectors) -> None:
        self._index.add(x)

    def _engine_search(self, q: Vectors, k: int, params: PQSearch, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - faiss filters no codes
        return native.search(self._index, q, k, self.metric)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        return native.decoded(self._index, rows)

    def _engine_compact(self, live: Ids) -> None:
        codes.compact(self._index, live)

    def _engine_bytes(self) -> dict[str, int]:
        centres = 4 * self.dim * (1 << self.build_params.nbits)
        return {"codes": self._index.ntotal * self._index.code_size, "centres": centres}

    def _engine_write(self, folder: Path) -> None:
        native.write(self._index, folder / "codes.faiss")

    def _engine_read(self, folder: Path, n_rows: int) -> None:
        self._index = native.read(folder / "codes.faiss", "IndexPQ", n_rows, self.dim, self.metric)
