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

from ..checks import distinct
from ..rows import Keep
from ..term_index import Found
from .impacts import ImpactList

Rows = NDArray[np.int64]
Sums = NDArray[np.float64] | NDArray[np.float32]
Query = Sequence[tuple[ImpactList, float]]
"""Impact list and weight of each term; no list is empty, no weight 0."""

SLACK = 1e-6
"""Relative room for rounding: scores that are equal in float32 must survive together, to be put in order by id."""

_SHARES = (0.75, 0.6, 0.45, 0.3, 0.15, 0.0)
_FEW = 64
_FIRST_GROUP = 16384
_LEAD = 3
"""So many times k documents are looked at to find how good the k-th is at least."""
_LOOKUPS = 16
"""A look-up costs about as much as accumulating this many postings."""
_SCANNED = 8
"""Looking through so many sums costs about as much as accumulating one posting."""
_TINY = float(np.finfo(np.float32).smallest_subnormal)
_EXACT_ROWS = 1 << 17
"""Of more rows the sums are kept in float32, which halves what does not fit into the processor's caches; the best are
then scored again."""
_ROUNDING = 2.4e-7
"""Relative room for the rounding of sums in float32, for each term: four times that of one addition."""


def working_space(n_rows: int) -> Sums:
    """Return what `best` adds up in: shape (n_rows,), all 0."""
    return np.zeros(n_rows) if n_rows <= _EXACT_ROWS else np.zeros(n_rows, np.float32)


def best(query: Query, k: int, sums: Sums, keep: Keep | None = None) -> Found:
    """Find the best ``k`` documents that hold at least one term of the query.

    Parameters
    ----------
    query
        Impact list and weight of each term.
    k
        At least 1.
    sums
        What `working_space` returned: all 0, and all 0 again afterwards.
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
        return _of_any_sign(query, k, len(sums), mask)
    return _of_positive(query, k, sums, mask)


def scores_of(query: Query, rows: Rows) -> NDArray[np.float32]:
    """Return what `best` scores some rows: float32, shape (len(rows),), NaN where one holds no term of the query."""
    scores, matched = _looked_up(_in_order(query), rows)
    return np.where(matched, scores, np.nan).astype(np.float32)


def _in_order(query: Query) -> Query:
    """Put the terms in one order of summing for all documents, so that equals stay equal."""
    return sorted(query, key=_bound, reverse=True)


def _of_positive(query: Query, k: int, sums: Sums, mask: NDArray[np.bool_] | None) -> Found:
    """Stop early, as all contributions are > 0 and partial scores only grow; the highest bounds come first."""
    rest = [0.0, *accumulate(map(_bound, reversed(query)))]
    rest.reverse()  # rest[i] is what the terms from i on can add together
    exact = sums.dtype == np.float64
    sure = 1 - (SLACK if exact else _ROUNDING * (len(query) + 2))
    group, done = _next_group(query, 0, _FIRST_GROUP)
    touched = _accumulate(group, sums)
    rows = _allowed(distinct(touched), mask)
    partial = sums.take(rows)
    floor = _floor(rows, partial, query[done:], k) * sure
    room, everywhere = max(2 * _FIRST_GROUP, len(sums) // _SCANNED), False
    while done < len(query) and rest[done] >= floor:
        group, done = _next_group(query, done, room)
        for entry in group:
            _accumulate([entry], sums)
        rows = _allowed(np.flatnonzero(sums >= max(floor - rest[done], _TINY)), mask)
        partial, everywhere = sums.take(rows), True
        floor = max(floor, _floor(rows, partial, query[done:], k) * sure)
        room *= 2
    for i in range(done, len(query)):
        near = np.flatnonzero(partial >= floor - rest[i])
        rows, partial = rows.take(near), partial.take(near)
        term, weight = query[i]
        if len(rows) * _LOOKUPS < term.size:
            partial += term.at(rows) * np.float64(weight)
        else:
            sums[rows] = partial
            _accumulate([query[i]], sums)
            partial, everywhere = sums.take(rows), True
        floor = max(floor, _kth(partial, k) * sure)
    sums[slice(None) if everywhere else touched] = 0.0
    near = np.flatnonzero(partial >= floor)
    rows = rows.take(near)
    return cut(rows, partial.take(near) if exact else _looked_up(query, rows)[0], k)


def _allowed(rows: Rows, mask: NDArray[np.bool_] | None) -> Rows:
    """Return those of the rows that may be returned."""
    return rows if mask is None else rows[mask.take(rows)]


def _floor(rows: Rows, partial: Sums, others: Query, k: int) -> float:
    """Return a score that at least ``k`` documents reach: the k-th of the whole scores of those that lead so far."""
    if len(rows) > 2 * _LEAD * k:
        ahead = np.sort(_ahead(partial, _LEAD * k))  # rows that ascend are looked up several times as fast
        rows, partial = rows.take(ahead), partial.take(ahead)
    reached = partial.copy()
    for term, weight in others:
        reached += term.at(rows) * np.float64(weight)
    return _kth(reached, k)


def _ahead(scores: Sums, n: int) -> Rows:
    """Return where the best scores are: at least ``n`` of them, and not many more."""
    best = scores.max()
    for share in _SHARES:  # finds few enough to be put in order, much faster than a partition of all
        ahead = np.flatnonzero(scores >= best * share)
        if len(ahead) >= n:
            break
    if len(ahead) <= 4 * n:
        return ahead
    return ahead.take(np.argpartition(scores.take(ahead), len(ahead) - n)[-n:])


def _of_any_sign(query: Query, k: int, n_rows: int, mask: NDArray[np.bool_] | None) -> Found:
    """Score every document with a term: some contribution is <= 0."""
    sums = np.zeros(n_rows)
    rows = _allowed(distinct(_accumulate(query, sums)), mask)
    return cut(rows, sums.take(rows), k)


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


def _accumulate(group: Query, sums: Sums) -> Rows:
    """Add the contributions of some terms to the sums and return the rows that were touched, with repeats."""
    rows = np.concatenate([term.rows for term, _ in group], dtype=np.int64)
    parts = [term.impacts if weight == 1 else term.impacts * np.float64(weight) for term, weight in group]
    np.add.at(sums, rows, np.concatenate(parts, dtype=sums.dtype))
    return rows


def _kth(scores: Sums, k: int) -> float:
    """Return the k-th largest; 0 if there are fewer."""
    if len(scores) < k:
        return 0.0
    scores = scores.copy()
    scores.partition(len(scores) - k)
    return float(scores[len(scores) - k])


def cut(rows: Rows, scores: Sums, k: int) -> Found:
    """Return the best ``k`` and what ties with the last of them, as float32; some more where that costs nothing."""
    rounded = scores.astype(np.float32)
    if len(rows) <= max(k, _FEW):
        return rows, rounded
    ordered = rounded.copy()
    ordered.partition(len(rows) - k)
    kept = rounded >= ordered[len(rows) - k]
    return rows[kept], rounded[kept]
