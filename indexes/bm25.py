"""BM25 over postings of our own: exact, incremental, and pruned where that cannot change a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput
from .inverted.bm25_formulas import DELTAS, VARIANTS, Formula, Saturations, Variant
from .inverted.postings import Postings
from .inverted.postings_index import PostingsIndex, PostingsScorer, Scorer
from .inverted.segments import Array
from .spec import Parameters, param


@dataclass(frozen=True, kw_only=True)
class BM25Build(Parameters):
    """Build parameters of BM25."""

    engine: str = param("postings", "postings, or rank-bm25 for reference", choices=("postings", "rank-bm25"))
    variant: str | None = param(None, "which BM25 (auto: lucene; of rank-bm25 okapi)", choices=VARIANTS)

    @property
    def resolved(self) -> Variant:
        """The variant, with auto resolved."""
        if self.variant is None:
            return "okapi" if self.engine == "rank-bm25" else "lucene"
        return cast("Variant", self.variant)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.engine == "rank-bm25" and self.resolved != "okapi":
            raise InvalidInput(f"engine=rank-bm25 has the variant okapi only, got {self.variant!r}: leave it out")


@dataclass(frozen=True, kw_only=True)
class BM25Search(Parameters):
    """Constants of the formula; they apply at query time, so other values need no rebuild."""

    k1: float = param(1.2, "term frequency saturation: smaller saturates sooner", low=0, high=1000)
    b: float = param(0.75, "length normalisation: 0 none, 1 full", low=0, high=1)
    delta: float | None = param(None, "of bm25+ (auto: 1) and bm25l (auto: 0.5)", low=0, high=1000)
    epsilon: float = param(0.25, "okapi: share of the mean idf in place of a negative one", low=0, high=1000)


class BM25Index(PostingsIndex):
    """BM25 (Robertson and Zaragoza, 2009) and its variants; see ``bm25_formulas`` for the formulas and their papers.

    Term frequencies are stored and statistics applied at query time: adding costs only the new documents, and after a
    removal every score is that of an index that never held the removed documents. Scores are exact (summed in float64)
    for every variant; with ``engine=rank-bm25`` the library of that name does the scoring, slowly, as a reference.
    """

    name: ClassVar[str] = "bm25"
    Build: ClassVar[type[Parameters]] = BM25Build
    Search: ClassVar[type[Parameters]] = BM25Search
    build_params: BM25Build
    search_params: BM25Search

    def _formula(self, params: BM25Search) -> Formula:
        variant = self.build_params.resolved
        delta = DELTAS.get(variant, 0.0) if params.delta is None else params.delta
        return Formula(variant, params.k1, params.b, delta, params.epsilon)

    def _made(self, formula: Formula) -> Scorer:
        if self.build_params.engine == "rank-bm25":
            from .inverted.bm25_reference import RankBM25

            return RankBM25(self._postings, formula)
        return BM25Scorer(self._postings, formula)


class BM25Scorer(PostingsScorer):
    """A posting adds idf times saturation, by the statistics of the moment."""

    def __init__(self, postings: Postings, formula: Formula) -> None:
        super().__init__(postings)
        self._formula = formula
        self._n = postings.n_live
        self._lengths = _narrow(postings.lengths)
        self._saturations = Saturations(formula, postings.average_length, len(self._lengths))
        # the floor depends on every term's df, which is counted once per state of the index
        self._floor = formula.floor(postings.document_frequencies(), self._n) if formula.variant == "okapi" else None

    def _impacts(self, rows: NDArray[np.int32], frequencies: Array) -> NDArray[np.float64]:
        idf = float(self._formula.idf(np.array([len(rows)]), self._n)[0])
        if self._floor is not None and idf < 0:
            idf = self._floor
        return idf * self._saturations.of(frequencies, self._lengths.take(rows))


def _narrow(lengths: NDArray[np.float64]) -> Array:
    """Return lengths as small whole numbers, which are looked up faster; as they are if they are none."""
    if lengths.max(initial=0) >= 1 << 16 or (lengths != np.floor(lengths)).any():
        return lengths
    return np.maximum(lengths, 0).astype(np.uint16)  # -1 marks what was removed
