"""Base of the indexes of terms: checks, filters and order around an engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bags import Bags, checked_documents, checked_queries
from .base import Allow, Index, spread
from .checks import checked_ids, checked_k
from .rows import Keep
from .spec import Parameters, Value
from .types import Family, Hits, Ids, Scores, Terms

Found = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Rows and scores of one query in any order: at least the best k, and all that tie with the k-th."""


class TermIndex(Index[Bags]):
    """Base of the indexes of terms.

    Documents and queries are bags of terms: a list (or tuple) of strings, in which a term may be repeated, or a mapping
    of term to frequency or weight. Terms are compared as strings, code point by code point: normalising words is the
    analyser's task.

    Notes
    -----
    A hit holds at least one term of the query. A row has therefore min(k, number of allowed documents with such a
    term) hits, and a query of unknown words has none.

    ``allow`` restricts what is returned, never what is counted: the statistics are those of the whole index, so a
    document has the same score under every filter.
    """

    family: ClassVar[Family] = "terms"

    def __init__(self, build: Parameters | None = None, search: Parameters | None = None) -> None:
        super().__init__(build, search)
        nothing = (np.zeros(0, np.int64), np.zeros(0, np.bool_))
        self._known_places: tuple[object, int, tuple[Ids, NDArray[np.bool_]]] = (None, 0, nothing)

    # ---- for engines to implement -----------------------------------------------------------------------------

    @abstractmethod
    def _search(
        self,
        queries: Sequence[Mapping[str, float]],
        k: int,
        params: Any,  # noqa: ANN401 - the engine's own Search
        keep: Keep | None,
    ) -> Iterator[Found]:
        """Yield the best ``k`` (>= 1) rows for each query, with all that tie with the last of them.

        ``queries`` map terms to weights that are not 0. ``keep`` has the rows that may be returned; None allows all.
        """

    def _scores(self, queries: Sequence[Mapping[str, float]], rows: Ids, params: Any) -> Scores | None:  # noqa: ANN401, ARG002 - for engines to answer
        """Score rows directly, NaN for rows that share no term; return None if a search is as fast."""
        return None

    # ---- public -----------------------------------------------------------------------------------------------

    def build(self, documents: Iterable[Terms], ids: ArrayLike) -> None:
        """Replace the contents by these documents.

        Parameters
        ----------
        documents
            One bag of terms each: a list of str, or a mapping term -> frequency (finite, >= 0; 0 means absent).
            Frequencies are stored as float32. A document may be empty: it counts in the statistics and is never found.
        ids
            int64, shape (n,), unique, >= 0.

        Raises
        ------
        InvalidInput
            Names the first bad document or id and the fix; the index is unchanged.
        """
        bags = checked_documents(documents)
        self._replace_all(bags, checked_ids(ids, len(bags)))

    def add(self, documents: Iterable[Terms], ids: ArrayLike) -> None:
        """Add documents: all of them, or none if an error is raised.

        Parameters
        ----------
        documents
            As for ``build``.
        ids
            int64, shape (n,), unique, >= 0, not yet in the index.

        Raises
        ------
        InvalidInput
            Names the first bad document or id and the fix; the index is unchanged.
        """
        bags = checked_documents(documents)
        self._insert(bags, checked_ids(ids, len(bags)))

    def search(
        self,
        queries: Iterable[Terms],
        k: int,
        *,
        allow: Allow | None = None,
        params: Parameters | Mapping[str, Value] | None = None,
    ) -> Hits:
        """Find the best ``k`` documents for every query.

        Parameters
        ----------
        queries
            One bag of terms each: a list of str, in which a repeated term counts as often as it occurs, or a mapping
            term -> weight (finite; 0 means absent).
        k
            Hits per query; 0 gives tables of width 0, more than there are hits gives padding.
        allow
            The ids that may be returned: int64 of shape (n,), or an ``IdSet``, which is resolved once and reused.
            None allows all.
        params
            Search parameters for this call only: the engine's ``Search``, or a mapping of some of its fields.

        Returns
        -------
        Hits
            ids int64 and scores float32, shape (n_queries, k); higher is better, equal scores by ascending id. Only
            documents with at least one term of the query are hits.

        Raises
        ------
        InvalidInput
            Names the first bad query and the fix.
        UnknownParameter
            ``params`` has a name that this engine does not have.
        """
        wanted = checked_queries(queries)
        chosen = self.search_params if params is None else self._chosen(params)
        with self._lock.reading():
            self._check_whole()
            k = checked_k(k, len(wanted), self._rows.n_live)
            hits = Hits(np.full((len(wanted), k), -1, np.int64), np.full((len(wanted), k), -np.inf, np.float32))
            keep = self._keep(allow)
            n = min(k, self._rows.n_live if keep is None else len(keep))
            if n:
                by_row = self._rows.by_row
                for i, (rows, scores) in enumerate(self._search(wanted, n, chosen, keep)):
                    put(hits.ids[i], hits.scores[i], by_row[rows], scores, n)
        return hits

    def score(
        self, queries: Iterable[Terms], ids: ArrayLike, *, params: Parameters | Mapping[str, Value] | None = None
    ) -> Scores:
        """Return the scores that a search for each query would give to each of ``ids``.

        Parameters
        ----------
        queries, params
            As for ``search``.
        ids
            int64, shape (n,), unique.

        Returns
        -------
        float32, shape (n_queries, n); NaN for documents that hold no term of the query, and for ids that are not held.
        """
        bags = checked_queries(queries)
        chosen = self.search_params if params is None else self._chosen(params)
        with self._lock.reading():
            self._check_whole()
            rows, there = self._places(ids)
            own = self._scores(bags, rows, chosen)
        if own is None:
            wanted = checked_ids(ids)
            return self.search(bags, len(wanted), allow=wanted, params=params).scores_of(wanted)
        return spread(own, there)

    def frequencies(self) -> dict[str, int]:
        """Return the document frequency of every term; costly, so keep the result."""
        with self._lock.reading():
            self._check_whole()
            return self._frequencies()

    # ---- machinery --------------------------------------------------------------------------------------------

    def _places(self, ids: ArrayLike) -> tuple[Ids, NDArray[np.bool_]]:
        """Return the rows of the ids that are held, and which are.

        Those of an array that cannot change, as an ``IdSet`` has, are kept: every question is scored for one sample.
        """
        asked, generation, places = self._known_places
        if asked is ids and generation == self.generation:
            return places
        rows = self._rows.lookup(checked_ids(ids))
        there = rows >= 0
        rows = rows[there]
        if isinstance(ids, np.ndarray) and not ids.flags.writeable:
            rows.flags.writeable = False
            self._known_places = (ids, self.generation, (rows, there))
        return rows, there

    @abstractmethod
    def _frequencies(self) -> dict[str, int]:
        """Return the document frequency of every term that occurs."""


def put(ids_row: Ids, scores_row: Scores, ids: Ids, scores: Scores, k: int) -> None:
    """Write the best ``k`` hits into a row: by descending score, then by ascending id."""
    order = np.lexsort((ids, -scores))[:k]
    ids_row[: len(order)] = ids[order]
    scores_row[: len(order)] = scores[order]
