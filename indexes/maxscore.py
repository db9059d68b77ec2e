"""The best documents for a weighted bag of terms, exactly, without scoring every document.

Term at a time, highest bound first, with the cut of MaxScore (Turtle and Flood, Query evaluation: strategies and
optimizations, 1995): once the k-th best partial score is above all that the remaining terms could add together, a
document that holds only those cannot get in, and the remaining terms are looked up for the surviving candidates alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .impacts import ImpactList
from .rows import Keep

Rows = NDArray[np.int64]
Query = Sequence[tuple[ImpactList, float]]
"""Impact list and weight of each term; no list is empty, no weight 0."""

Found = tuple[Rows, NDArray[np.float32]]
"""Rows and scores in any order: the best k, and all that tie with the last of them."""

SLACK = 1e-6
"""Relative room for rounding: scores that are equal in float32 must survive together, to be put in order by id."""

_MANY = 256
_LOOKUPS = 16
"""A look-up costs about as much as accumulating so many postings."""


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
    if keep is not None and len(keep) * _LOOKUPS * len(query) < sum(len(term) for term, _ in query):
        return _of_few_rows(query, k, keep.rows)
    mask = None if keep is None else keep.mask
    if any(weight < 0 or term.lower <= 0 for term, weight in query):
        return _of_any_sign(query, k, sums, mask)
    return _of_positive(query, k, sums, mask)


def _of_positive(query: Query, k: int, sums: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Found:
    """Stop early, as all contributions are > 0 and partial scores only grow."""
    ordered = sorted(((weight * term.upper, weight, term) for term, weight in query), key=_by_bound, reverse=True)
    rest = [0.0]
    for bound, _, _ in reversed(ordered):
        rest.append(rest[-1] + bound)
    rest.reverse()
    floor = 0.0 if mask is not None else max(weight * term.kth(k) for _, weight, term in ordered) * (1 - SLACK)
    touched: list[NDArray[np.int32]] = []
    for i, (_, weight, term) in enumerate(ordered):
        if rest[i] < floor:
            break
        rows, impacts = _among(term, mask)
        np.add.at(sums, rows, impacts * weight)
        touched.append(rows)
        if rest[i + 1]:
            floor = max(floor, _kth(sums[term.leaders(k)], k) * (1 - SLACK))
    candidates, scores = _collected(touched, sums, floor - rest[len(touched)])
    for i in range(len(touched), len(ordered)):
        if len(candidates) > _MANY:
            floor = max(floor, _kth(scores, k) * (1 - SLACK))
            near = scores + rest[i] >= floor
            candidates, scores = candidates[near], scores[near]
        _, weight, term = ordered[i]
        scores += term.at(candidates)[0] * weight
    return cut(candidates, scores, k)


def _of_any_sign(query: Query, k: int, sums: NDArray[np.float64], mask: NDArray[np.bool_] | None) -> Found:
    """Score every document with a term: some contribution is <= 0."""
    touched = []
    for term, weight in query:
        rows, impacts = _among(term, mask)
        np.add.at(sums, rows, impacts * weight)
        touched.append(rows)
    return cut(*_collected(touched, sums, -np.inf), k)


def _of_few_rows(query: Query, k: int, rows: Rows) -> Found:
    """Look each row up: so few are allowed."""
    scores = np.zeros(len(rows))
    matched = np.zeros(len(rows), np.bool_)
    for term, weight in query:
        impacts, there = term.at(rows)
        scores += impacts * weight
        matched |= there
    return cut(rows[matched], scores[matched], k)


def _by_bound(entry: tuple[float, float, ImpactList]) -> float:
    return entry[0]


def _among(term: ImpactList, mask: NDArray[np.bool_] | None) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the allowed postings, impacts in float64."""
    if mask is None:
        return term.rows, term.impacts.astype(np.float64)
    chosen = mask[term.rows]
    return term.rows[chosen], term.impacts[chosen].astype(np.float64)


def _collected(
    touched: list[NDArray[np.int32]], sums: NDArray[np.float64], least: float
) -> tuple[Rows, NDArray[np.float64]]:
    """Return the touched rows whose sum is at least ``least``, ascending, with the sums; zero the sums."""
    parts = [rows[sums[rows] >= least] for rows in touched] if least > 0 else touched
    rows = (parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))).astype(np.int64)
    scores = sums[rows]
    for part in touched:
        sums[part] = 0.0
    return rows, scores


def _kth(scores: NDArray[np.float64], k: int) -> float:
    """Return the k-th largest; 0 if there are fewer."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if len(scores) >= k else 0.0


def cut(rows: Rows, scores: NDArray[np.float64], k: int) -> Found:
    """Return the best ``k`` and what ties with the last of them, as float32."""
    rounded = scores.astype(np.float32)
    if len(rows) <= k:
        return rows, rounded
    kept = rounded >= np.partition(rounded, len(rounded) - k)[len(rounded) - k]
    return rows[kept], rounded[kept]
