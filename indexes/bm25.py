"""BM25 over postings of our own: exact, incremental, and pruned where that cannot change a result."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .bags import Bags
from .base import Allow
from .bm25_formulas import DELTAS, VARIANTS, Formula, Variant
from .errors import InvalidInput
from .impacts import ImpactCache, ImpactList
from .maxscore import best
from .postings import Postings
from .rows import Keep
from .spec import Parameters, param
from .term import Found, TermIndex
from .types import Ids, Traits

_SCORERS = 4
"""Sets of parameters whose impacts are kept."""


@dataclass(frozen=True, kw_only=True)
class BM25Build(Parameters):
    """How the index is made."""

    engine: str = param("postings", "postings, or rank-bm25 for reference", choices=("postings", "rank-bm25"))
    variant: str | None = param(None, "which BM25 (auto: lucene; of rank-bm25 okapi)", choices=VARIANTS)

    @property
    def resolved(self) -> Variant:
        """The variant, with auto put in words."""
        if self.variant is None:
            return "okapi" if self.engine == "rank-bm25" else "lucene"
        return cast("Variant", self.variant)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.engine == "rank-bm25" and self.resolved != "okapi":
            raise InvalidInput(f"engine=rank-bm25 knows the variant okapi only, got {self.variant!r}: leave it out")


@dataclass(frozen=True, kw_only=True)
class BM25Search(Parameters):
    """Constants of the formula; they apply at query time, so no index is made anew to try others."""

    k1: float = param(1.2, "how soon more occurrences stop counting", low=0, high=1000)
    b: float = param(0.75, "how much long documents are held back: 0 not at all, 1 in full", low=0, high=1)
    delta: float | None = param(None, "of bm25+ (auto: 1) and bm25l (auto: 0.5)", low=0, high=1000)
    epsilon: float = param(0.25, "okapi: share of the mean idf in place of a negative one", low=0, high=1000)


class Scorer(Protocol):
    """Scores documents in one state of the index with one set of parameters."""

    def search(self, query: Mapping[str, float], k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and what ties with the last of them."""

    @property
    def nbytes(self) -> int:
        """Bytes held beyond the postings."""


class BM25Index(TermIndex):
    """BM25 (Robertson and Zaragoza, 2009) and its variants; see ``bm25_formulas`` for the formulas and their papers.

    Term frequencies are stored, statistics applied when a query asks: adding costs the new documents only, and after
    a removal every score is that of an index that never held the removed. Scores are exact (summed in float64) for
    every variant; ``engine=rank-bm25`` has the library of that name do the scoring, slowly, as a reference.

    Removals of many ids belong in one call: the first search after each call rewrites the postings that it touched.
    """

    name: ClassVar[str] = "bm25"
    Build: ClassVar[type[Parameters]] = BM25Build
    Search: ClassVar[type[Parameters]] = BM25Search
    build_params: BM25Build
    search_params: BM25Search

    def __init__(self, build: Parameters | None = None, search: Parameters | None = None) -> None:
        super().__init__(build, search)
        self._postings = Postings()
        self._scorers: dict[Formula, Scorer] = {}
        self._making = threading.Lock()

    @property
    def traits(self) -> Traits:
        """Native in everything."""
        return Traits(exact=True, exhaustive=True, remove="native", filter="native", add="native", recall_floor=1.0)

    def _build(self, items: Bags) -> None:
        self._postings = Postings()
        self._append(items)

    def _append(self, items: Bags) -> None:
        self._scorers = {}
        self._postings.append(items)

    def _forget(self, rows: Ids) -> None:
        self._scorers = {}
        self._postings.forget(rows)

    def _compact(self, live: Ids) -> None:
        self._scorers = {}
        self._postings.compact(live)

    def _tidy(self) -> None:
        self._scorers = {}
        self._postings.merge()

    def _write(self, folder: Path) -> None:
        self._postings.write(folder)

    def _read(self, folder: Path, n_rows: int) -> None:
        self._postings.read(folder, n_rows)

    def _bytes(self) -> dict[str, int]:
        return {**self._postings.memory(), "cached impacts": sum(each.nbytes for each in self._scorers.values())}

    def _keep(self, allow: Allow | None) -> Keep | None:
        """Return no rows to keep without ``allow``: removed documents have no postings that would have to be hidden."""
        return None if allow is None else super()._keep(allow)

    def _search(
        self,
        queries: Sequence[Mapping[str, float]],
        k: int,
        params: Any,  # noqa: ANN401 - BM25Search
        keep: Keep | None,
    ) -> Iterator[Found]:
        scorer = self._scorer(params)
        return (scorer.search(query, k, keep) for query in queries)

    def _scorer(self, params: BM25Search) -> Scorer:
        variant = self.build_params.resolved
        delta = DELTAS.get(variant, 0.0) if params.delta is None else params.delta
        formula = Formula(variant, params.k1, params.b, delta, params.epsilon)
        with self._making:
            found = self._scorers.get(formula)
            if found is None:
                if len(self._scorers) >= _SCORERS:
                    self._scorers.pop(next(iter(self._scorers)))
                found = self._scorers[formula] = self._made(formula)
            return found

    def _made(self, formula: Formula) -> Scorer:
        if self.build_params.engine == "rank-bm25":
            from .bm25_reference import RankBM25

            return RankBM25(self._postings, formula)
        return PostingsScorer(self._postings, formula)


class PostingsScorer:
    """BM25 by impact lists and MaxScore."""

    def __init__(self, postings: Postings, formula: Formula) -> None:
        self._postings = postings
        self._formula = formula
        self._n = postings.n_live
        self._mean = postings.average_length
        # the floor depends on every term's df, which is counted once per state of the index
        self._floor = formula.floor(postings.document_frequencies(), self._n) if formula.variant == "okapi" else None
        self._lists = ImpactCache(self._impacts)
        self._spare: list[NDArray[np.float64]] = []

    @property
    def nbytes(self) -> int:
        """Bytes of impact lists and working space."""
        return self._lists.nbytes + sum(sums.nbytes for sums in list(self._spare))

    def search(self, query: Mapping[str, float], k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and what ties with the last of them."""
        numbers = self._postings.vocabulary
        lists = [(self._lists[numbers[term]], weight) for term, weight in query.items() if term in numbers]
        sums = self._spare.pop() if self._spare else np.zeros(self._postings.n_rows)
        found = best([entry for entry in lists if entry[0].size], k, sums, keep)
        self._spare.append(sums)  # not after an error, which may leave it dirty
        return found

    def _impacts(self, term: int) -> ImpactList:
        rows, frequencies = self._postings.of(term)
        if not len(rows):
            return ImpactList(rows, np.zeros(0, np.float32), 0)
        idf = float(self._formula.idf(np.array([len(rows)]), self._n)[0])
        if self._floor is not None and idf < 0:
            idf = self._floor
        tf = frequencies.astype(np.float64)
        impacts = idf * self._formula.saturation(tf, self._postings.lengths[rows] / self._mean)
        return ImpactList(rows, impacts.astype(np.float32), self._postings.n_rows)
