"""Search by terms by the server: BM25 of the extension pg_textsearch over the bags of chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, IdSet, Terms
from indexes.bags import checked_queries
from indexes.spec import Parameters
from indexes.term_index import put

from ...errors import InvalidInput
from ..postings_search import Frequencies, Lender
from . import bag_texts
from .connection import Connection, Row, Snapshot
from .filters import CHUNKS, condition
from .textsearch import EXTENSION, INDEX, TextsearchBuild
from .vectors import FilteredIds

Ids = NDArray[np.int64]
EXACT_UP_TO = 1_000
"""So many allowed chunks are scored one by one."""
MOST = 100_000
"""So deep the server goes into its ranking to find what a filter lets through."""


@dataclass(frozen=True, kw_only=True)
class TextsearchSearch(Parameters):
    """Search parameters: there are none, the index is built with its constants."""


class BagSearch:
    """Searches the terms of chunks; it answers as an `indexes.TermIndex` does.

    Scores are those of our own formula ``lucene``, by the server's counts; of chunks' lengths it has few digits.
    """

    family = "terms"
    name = EXTENSION
    Search = TextsearchSearch
    search_params = TextsearchSearch()

    def __init__(self, snapshots: Lender, own: TextsearchBuild, ids: Callable[[], Ids]) -> None:
        self._snapshots = snapshots
        self._scale = -1.0 / (own.k1 + 1)  # lower is better there, and Lucene's formula has lost this factor
        self.ids = ids

    def __len__(self) -> int:
        with self._snapshots.reading() as snapshot:
            return int(snapshot.state.chunks)

    def memory(self) -> dict[str, int]:
        """Return the bytes that this process holds for it: none."""
        return {}

    def frequencies(self) -> Mapping[str, int]:
        """Return the number of chunks that hold each term; the server counts for each one, and for all at length."""

        def one(term: str) -> int:
            with self._snapshots.reading() as snapshot:
                return int(snapshot.db.one(_COUNT, (bag_texts.word(term),)))

        def every() -> dict[str, int]:
            with self._snapshots.reading() as snapshot:
                return bag_texts.frequencies(snapshot.db)

        return Frequencies(one, every)

    def search(
        self,
        queries: Sequence[Terms],
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Mapping[str, float] | None = None,
    ) -> Hits:
        """Return the ``k`` best chunks for each bag of terms, among those of ``allow``.

        Raises
        ------
        InvalidInput
            A term has a negative weight.
        indexes.UnknownParameter
            ``params`` has any: the index was built with its constants.
        """
        wanted = _checked(queries, params)
        found = Hits(np.full((len(wanted), k), -1, np.int64), np.full((len(wanted), k), -np.inf, np.float32))
        allowed = None if allow is None else allow if isinstance(allow, IdSet) else IdSet(allow)
        with self._snapshots.reading() as snapshot:
            n = min(k, snapshot.state.chunks if allowed is None else len(allowed))
            for i, bag in enumerate(wanted if n else []):
                ids, scores = self._read(bag, self._found(snapshot, bag, n, allowed) if bag else [])
                put(found.ids[i], found.scores[i], ids, scores, n)
        return found

    def score(
        self, queries: Sequence[Terms], ids: Ids, *, params: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Return the scores of chunks for each bag of terms: float32, shape (n_queries, n), NaN where none match."""
        wanted = _checked(queries, params)
        found = np.full((len(wanted), len(ids)), np.nan, np.float32)
        order = np.argsort(ids)
        with self._snapshots.reading() as snapshot:
            for own, bag in zip(found, wanted, strict=True):
                rows, scores = self._read(bag, _each(snapshot.db, bag, ids) if bag else [])
                own[order[np.searchsorted(ids, rows, sorter=order)]] = scores
        return found

    def _read(self, bag: Mapping[str, float], rows: Sequence[Row]) -> tuple[Ids, NDArray[np.float32]]:
        """Return the ids and scores of the rows that hold a term."""
        scale = self._scale * bag_texts.query(bag)[1] if bag else 1.0
        scored = [(row[0], row[1]) for row in rows if row[1] < 0]
        ids = np.array([each[0] for each in scored], np.int64)
        return ids, np.array([each[1] * scale for each in scored], np.float32)

    @staticmethod
    def _found(snapshot: Snapshot, bag: Mapping[str, float], n: int, allowed: IdSet | None) -> list[Row]:
        """Return at least the ``n`` best rows."""
        if allowed is not None and len(allowed) <= EXACT_UP_TO:
            return _each(snapshot.db, bag, allowed.ids)
        tables, test = "bags b", "true"
        values: list[object] = []
        if isinstance(allowed, FilteredIds):
            (test, values), tables = condition(allowed.where), f"{CHUNKS} join bags b on b.chunk = c.id"
        elif allowed is not None:  # not pulled up into a join, whose rows would have lost their order
            test, values = "(b.chunk in (select unnest(%s::int8[]))) is true", [allowed.ids.tolist()]
        if n <= MOST:
            rows = _ranked(snapshot.db, bag, n, f"from {tables} where {test}", values)
            if len(rows) == n or snapshot.state.chunks <= MOST:
                return rows
        return _matching(snapshot.db, bag, f"from {tables} where {test}", values)


def _ranked(db: Connection, bag: Mapping[str, float], n: int, where: str, values: Sequence[object]) -> list[Row]:
    """Return the best rows by the index. Ordered by the expression itself, not by its name, it is worked out once."""
    text, _ = bag_texts.query(bag)
    sql = f"select b.chunk, {_SCORE} {where} order by {_SCORE} limit %s"
    return _rows(db, sql, (text, *values, text, n))


def _matching(db: Connection, bag: Mapping[str, float], where: str, values: Sequence[object]) -> list[Row]:
    """Return all rows that hold one of the terms."""
    sql = f"select b.chunk, {_SCORE} {where} and b.terms @@ %s::tsquery"
    return _rows(db, sql, (bag_texts.query(bag)[0], *values, bag_texts.any_of(bag)))


def _each(db: Connection, bag: Mapping[str, float], ids: Ids) -> list[Row]:
    """Return the rows of chunks."""
    sql = f"select b.chunk, {_SCORE} from bags b where b.chunk = any((select %s)::int8[])"  # noqa: S608 - a constant
    return _rows(db, sql, (bag_texts.query(bag)[0], ids.tolist()))


_COUNT = "select count(*) from bags where terms @@ %s::tsquery"
_SCORE = f"b.terms <@> to_bm25query(%s, '{INDEX}')"


def _rows(db: Connection, sql: str, values: Sequence[object]) -> list[Row]:
    """Return the rows of a query whose values the planner sees: the extension asks it for the limit."""
    with db.cursor(binary=True) as cursor:
        return cursor.execute(sql, values, prepare=False).fetchall()


def _checked(queries: Sequence[Terms], params: Mapping[str, float] | None) -> list[dict[str, float]]:
    TextsearchSearch().replace(params or {})
    wanted = checked_queries(queries)
    for bag in wanted:
        for term, weight in bag.items():
            if weight < 0:
                raise InvalidInput(f"the term {term!r} weighs {weight:g}: {EXTENSION} takes no negative weights")
    return wanted
