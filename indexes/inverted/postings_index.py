"""Base of the indexes over postings: everything except the formula of a score."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bags import Bags
from ..base import Allow
from ..checks import checked_ids
from ..rows import Keep
from ..spec import Parameters
from ..term_index import Found, TermIndex
from ..types import Ids, Scores, Traits
from .impacts import ImpactCache, ImpactList
from .maxscore import Query, Sums, best, scores_of, working_space
from .postings import Postings
from .segments import Array, Segment, merged, ordered, renumbered

_LEAST_KEPT = 64 << 20
"""Bytes of impact lists that are kept at least; of a large index as many as its postings take."""
_SCORERS = 4
"""Number of formulas whose impacts are kept between searches."""


class Scorer(Protocol):
    """Scores documents in one state of the index by one formula; safe for many threads."""

    def search(self, query: Mapping[str, float], k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and all that tie with the k-th."""

    @property
    def nbytes(self) -> int:
        """Bytes held beyond the postings."""


class PostingsIndex(TermIndex):
    """Base of the indexes over ``Postings``: native, exact and incremental in everything.

    Removals of many ids belong in one call: the first search after each call rewrites the affected postings.
    """

    learns = False

    def __init__(self, build: Parameters | None = None, search: Parameters | None = None) -> None:
        super().__init__(build, search)
        self._postings = Postings()
        self._scorers: dict[Hashable, Scorer] = {}
        self._making = threading.Lock()

    @abstractmethod
    def _formula(self, params: Any) -> Hashable:  # noqa: ANN401 - the engine's own Search
        """Return the formula of a score under these search parameters."""

    @abstractmethod
    def _made(self, formula: Any) -> Scorer:  # noqa: ANN401 - what ``_formula`` gave
        """Return a scorer of the postings as they are now."""

    @property
    def traits(self) -> Traits:
        """Exact, with everything native."""
        return Traits(exact=True, exhaustive=True, recall_floor=1.0)

    @property
    def counts_terms(self) -> bool:
        """Whether all frequencies are whole numbers below 65,536, as those of words are."""
        with self._lock.reading():
            return all(np.issubdtype(part.frequencies.dtype, np.integer) for part in self._postings.segments())

    def lengths(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Return the sum of frequencies of each document: float64, shape (len(ids),), NaN where an id is not held."""
        with self._lock.reading():
            rows = self._rows.lookup(checked_ids(ids))
            lengths = np.full(len(rows), np.nan)
            lengths[rows >= 0] = self._postings.lengths[rows[rows >= 0]]
            return lengths

    def taken(self, ids: ArrayLike) -> tuple[list[str], Segment]:
        """Return the postings of some documents.

        Returns
        -------
        The terms that they hold, in any order, and the postings of each, in which row ``i`` is that of ``ids[i]``.

        Raises
        ------
        UnknownId
            Some ids are not held.
        """
        wanted = checked_ids(ids)
        with self._lock.reading():
            rows = self._known_rows(wanted, "nothing was taken")
            new_rows = np.full(self._rows.n_rows, -1, np.int32)
            new_rows[rows] = np.arange(len(wanted), dtype=np.int32)
            whole = merged([renumbered(part, new_rows) for part in self._postings.segments()])
            if (np.diff(rows) < 0).any():
                whole = ordered(whole)
            words = list(self._postings.vocabulary)
            return [words[term] for term in whole.terms.tolist()], whole

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

    def _frequencies(self) -> dict[str, int]:
        counts = self._postings.document_frequencies().tolist()
        return {term: count for term, count in zip(self._postings.vocabulary, counts, strict=True) if count}

    def _bytes(self) -> dict[str, int]:
        with self._making:
            cached = sum(each.nbytes for each in self._scorers.values())
        return {**self._postings.memory(), "cached impacts": cached}

    def _keep(self, allow: Allow | None) -> Keep | None:
        """Return None without ``allow``: removed documents have no postings to hide."""
        return None if allow is None else super()._keep(allow)

    def _search(
        self,
        queries: Sequence[Mapping[str, float]],
        k: int,
        params: Any,  # noqa: ANN401 - the engine's own Search
        keep: Keep | None,
    ) -> Iterator[Found]:
        scorer = self._scorer(self._formula(params))
        return (scorer.search(query, k, keep) for query in queries)

    def _scores(self, queries: Sequence[Mapping[str, float]], rows: Ids, params: Any) -> Scores | None:  # noqa: ANN401 - as above
        scorer = self._scorer(self._formula(params))
        if not isinstance(scorer, PostingsScorer):
            return None
        scores = np.empty((len(queries), len(rows)), np.float32)
        for own, query in zip(scores, queries, strict=True):
            own[:] = scorer.score(query, rows)
        return scores

    def _scorer(self, formula: Hashable) -> Scorer:
        with self._making:
            found = self._scorers.get(formula)
            if found is None:
                if len(self._scorers) >= _SCORERS:
                    self._scorers.pop(next(iter(self._scorers)))
                found = self._scorers[formula] = self._made(formula)
            return found


class ImpactScorer:
    """Scores by impact lists and MaxScore.

    Parameters
    ----------
    n_rows
        Rows of all lists.
    room
        Bytes of lists that are kept.
    """

    def __init__(self, n_rows: int, room: int) -> None:
        self._n_rows = n_rows
        self._lists: ImpactCache[Any] = ImpactCache(room)
        self._spare: list[Sums] = []

    @property
    def nbytes(self) -> int:
        """Bytes of impact lists and working space."""
        return self._lists.nbytes + sum(sums.nbytes for sums in list(self._spare))

    def best(self, lists: Query, k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and all that tie with the k-th."""
        try:
            sums = self._spare.pop()
        except IndexError:
            sums = working_space(self._n_rows)
        found = best(lists, k, sums, keep)
        self._spare.append(sums)  # not after an error, which may leave it dirty
        return found


class PostingsScorer(ImpactScorer, ABC):
    """Scores the postings of an index; a subclass gives the impacts of a term."""

    def __init__(self, postings: Postings) -> None:
        super().__init__(postings.n_rows, max(_LEAST_KEPT, postings.memory()["postings"]))
        self._postings = postings

    @abstractmethod
    def _impacts(self, rows: NDArray[np.int32], frequencies: Array) -> Array:
        """Return what the postings of one term, at least one, add to the scores of their rows."""

    def search(self, query: Mapping[str, float], k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and all that tie with the k-th."""
        with self._known(query) as lists:
            return self.best(lists, k, keep)

    def score(self, query: Mapping[str, float], rows: Ids) -> NDArray[np.float32]:
        """Return the scores of some rows, NaN where one holds no term of the query: float32, shape (len(rows),)."""
        with self._known(query) as lists:
            return scores_of(lists, rows)

    @contextmanager
    def _known(self, query: Mapping[str, float]) -> Iterator[list[tuple[ImpactList, float]]]:
        numbers = self._postings.vocabulary
        known = [(numbers[term], weight) for term, weight in query.items() if term in numbers]
        with self._lists.of([term for term, _ in known], self._made) as lists:
            yield [(each, weight) for each, (_, weight) in zip(lists, known, strict=True) if each.size]

    def _made(self, terms: Sequence[int]) -> list[ImpactList]:
        return [self._listed(term) for term in terms]

    def _listed(self, term: int) -> ImpactList:
        rows, frequencies = self._postings.of(term)
        if not len(rows):
            return ImpactList(rows, np.zeros(0, np.float32), 0)
        impacts = self._impacts(rows, frequencies)
        return ImpactList(rows, impacts.astype(np.float32), self._postings.n_rows)
