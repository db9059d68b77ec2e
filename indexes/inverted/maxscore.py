"""The best documents for a weighted bag of terms, exactly, without scoring every document.

Term at a time, highest bound first, with the cut of MaxScore (Turtle and Flood, Query evaluation: strategies and
optimizations, 1995): once the k-th best partial score is above all that the remaining terms could add together, a
document that holds only those cannot get in, and the remaining terms are looked up for the surviving candidates alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..rows import Keep
from ..term_index import Found
from .impacts import ImpactList

Rows = NDArray[np.int64]
Query = Sequence[tuple[ImpactList, float]]
"""Impact list and weight of each term; no list is empty, no weight 0."""

SLACK = 1e-6
"""Relative room for rounding: scores that are equal in float32 must survive together, to be put in order by id."""

_SHARES = (0.75, 0.6, 0.45, 0.3, 0.15, 0.0)
_FEW = 64
_FIRST_GROUP = 16384
_LEAD = 6
"""So many times k documents are looked at to find how good the k-th is at least."""
_LOOKUPS = 16
"""A look-up costs about as much as accumulating this many postings."""


def best(query: Query, k: int, sums: NDArray[np.float64], keep: Keep | None = None) -> Found:
    """Find the best ``k`` documents that hold at least one term of the query.

    Parameters
    ----------
    query
        Impact list and weight of each term.
    k
        At least 1.
    sums
        float64, shape (n_rows,), all 0: working space, all 0 again afterwards.
    keep
        The rows that may be returned; None allows all.

    Returns
    -------
    rows, scores
        int64 and float32, of equal length. Scores are summed in float64, then rounded.
    """
    if not query:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    query = _in_order(query)
    if keep is not None and len(keep) * _LOOKUPS * len(query) < sum(term.size for term, _ in query):
        return _of_few_rows(query, k, keep.rows)
    mask = None if keep is None else keep.mask
    if any(weight < 0 or term.lower <= 0 for term, weight in query):
        return _of_any_sign(query, k, sums, mask)
    return _of_positive(query, k, sums, mask)


def scores_of(query: Query, rows: Rows) -> NDArray[np.float32]:
    """Return what `best` scores some rows: float32, shape (len(rows),), NaN where one holds no term of the query."""
    scores, matched = _looked_up(_in_order(query), rows)
    return np.where(matched, scores, np.nan).astype(np.float32)


def _in_order(query: Query) -> Query:
    """Put the terms in one order of summing for all documents, so that equals stay equal."""
    return sorted(query, key=_bound, reverse=True)


def _of_positive(query: Query, k: int, sums: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Found:
    """Stop early, as all contributions are > 0 and partial scores only grow; the highest bounds come first."""
    rest = [0.0, *accumulate(map(_bound, reversed(query)))]
    rest.reverse()  # rest[i] is what the terms from i on can add together
    rows, partial = np.zeros(0, np.int64), np.zeros(0)
    floor, done, room = 0.0, 0, _FIRST_GROUP
    while done < len(query) and rest[done] >= floor:
        group, done = _next_group(query, done, room)
        touched = _accumulate(group, sums, mask)
        rows = np.concatenate((rows, touched)) if len(rows) else touched
        partial = sums.take(rows)
        floor = _floor(rows, partial, query[done:], k)
        room *= 2
    sums[rows] = 0.0
    for i in range(done, len(query)):
        near = np.flatnonzero(partial >= floor - rest[i])
        rows, partial = rows.take(near), partial.take(near)
        term, weight = query[i]
        partial += term.at(rows) * np.float64(weight)
    near = np.flatnonzero(partial >= floor)
    return cut(*_once(rows.take(near), partial.take(near)), k)


def _floor(rows: Rows, partial: NDArray[np.float64], others: Query, k: int) -> float:
    """Return a score that at least ``k`` documents reach: the k-th of the whole scores of those that lead so far.

    ``rows`` may hold a row several times.
    """
    if len(rows) > 2 * _LEAD * k:
        ahead = _ahead(partial, _LEAD * k)
        rows, partial = rows.take(ahead), partial.take(ahead)
    leaders, reached = _once(rows, partial)
    for term, weight in others:
        reached += term.at(leaders) * np.float64(weight)
    return _kth(reached, k) * (1 - SLACK)


def _ahead(scores: NDArray[np.float64], n: int) -> Rows:
    """Return where the best scores are: at least ``n`` of them, and not many more."""
    best = scores.max()
    for share in _SHARES:  # finds few enough to be put in order, much faster than a partition of all
        ahead = np.flatnonzero(scores >= best * share)
        if len(ahead) >= n:
            break
    if len(ahead) <= 4 * n:
        return ahead
    return ahead.take(np.argpartition(scores.take(ahead), len(ahead) - n)[-n:])


def _of_any_sign(query: Query, k: int, sums: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Found:
    """Score every document with a term: some contribution is <= 0."""
    rows = _accumulate(query, sums, mask)
    scores = sums.take(rows)
    sums[rows] = 0.0
    return cut(*_once(rows, scores), k)


def _of_few_rows(query: Query, k: int, rows: Rows) -> Found:
    """Look each row up: so few are allowed."""
    scores, matched = _looked_up(query, rows)
    return cut(rows[matched], scores[matched], k)


def _looked_up(query: Query, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the scores of rows, and which of them hold a term of the query."""
    scores = np.zeros(len(rows))
    matched = np.zeros(len(rows), np.bool_)
    for term, weight in query:
        added = term.at(rows)
        scores += added if weight == 1 else added * np.float64(weight)
        matched |= added != 0 if term.lower > 0 else term.has(rows)
    return scores, matched


def _bound(entry: tuple[ImpactList, float]) -> float:
    return entry[0].upper * entry[1]


def _next_group(ordered: Query, start: int, room: int) -> tuple[Query, int]:
    """Return the terms from ``start`` on that fit into ``room`` postings, at least one, and where the next starts."""
    end = start + 1
    room -= ordered[start][0].size
    while end < len(ordered) and ordered[end][0].size <= room:
        room -= ordered[end][0].size
        end += 1
    return ordered[start:end], end


def _accumulate(group: Query, sums: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Rows:
    """Add the contributions of some terms to the sums and return the rows that were touched, with repeats."""
    rows = np.concatenate([term.rows for term, _ in group], dtype=np.int64)
    parts = [term.impacts if weight == 1 else term.impacts * np.float64(weight) for term, weight in group]
    impacts = np.concatenate(parts, dtype=np.float64)
    if mask is not None:
        chosen = np.flatnonzero(mask.take(rows))
        rows, impacts = rows.take(chosen), impacts.take(chosen)
    np.add.at(sums, rows, impacts)
    return rows


def _once(rows: Rows, scores: NDArray[np.float64]) -> tuple[Rows, NDArray[np.float64]]:
    """Return each row once, ascending, with its score, which is the same in all its repeats."""
    order = np.argsort(rows, kind="stable")
    rows = rows.take(order)
    fresh = np.ones(len(rows), np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=fresh[1:])
    chosen = np.flatnonzero(fresh)
    return rows.take(chosen), scores.take(order.take(chosen))


def _kth(scores: NDArray[np.float64], k: int) -> float:
    """Return the k-th largest; 0 if there are fewer."""
    if len(scores) < k:
        return 0.0
    scores = scores.copy()
    scores.partition(len(scores) - k)
    return float(scores[len(scores) - k])


def cut(rows: Rows, scores: NDArray[np.float64], k: int) -> Found:
    """Return the best ``k`` and what ties with the last of them, as float32; some more where that costs nothing."""
    rounded = scores.astype(np.float32)
    if len(rows) <= max(k, _FEW):
        return rows, rounded
    ordered = rounded.copy()
    ordered.partition(len(rows) - k)
    kept = rounded >= ordered[len(rows) - k]
    return rows[kept], rounded[kept]
