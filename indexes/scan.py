"""Exact search over plain vectors, with ties broken by ascending id.

faiss's kernels find the candidates in float32, whose rounding depends on where a vector lies in memory; so rows whose
scores are closer than that rounding are scored again in float64 and sorted. The result is that of an exact search in
float64 whose scores are rounded to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from operator import sub

import numpy as np
from numpy.typing import NDArray

from .faiss_library import inner_products, knn
from .rows import Keep
from .types import Ids, Metric, Scores, Vectors

FEW_DEAD = 128
"""Up to this many forbidden rows, asking for more and dropping them is cheaper than filtering."""

_SURE, _SURE_SHARE = 20_000, 0.1
"""Up to this many allowed rows, and this share of all, a filter is answered exactly: 20,000 rows of 384 numbers take 5
to 10 ms, and a graph or lists would leave some of the nearest out."""

_BLOCK_BYTES = 32 << 20
_GATHERED_BYTES = 2 << 20
"""Vectors that are gathered at once: few enough to be in the processor's caches when they are compared."""
_SWAPS = 4
_SELECTOR_QUERIES, _SELECTOR_SHARE = 2, 0.1
"""A bitmap beats gathering the allowed rows only for a query or two over a wide filter (measured at 100,000 x 128)."""


def exact(
    q: Vectors, x: Vectors, k: int, metric: Metric, *, ids: Ids, longest: float, keep: Keep | None = None
) -> tuple[Scores, Ids]:
    """Return the ``k`` best rows of ``x`` for every query.

    Parameters
    ----------
    q, x
        float32, shapes (n_queries, dim) and (n, dim).
    k
        At least 1, at most the number of rows that may be returned.
    ids
        int64, shape (n,): ids that break ties.
    longest
        Squared length of the longest row of ``x``: it bounds the rounding.
    keep
        The rows that may be returned; None for all.

    Returns
    -------
    scores, rows
        float32 and int64, shape (n_queries, k), best first.
    """
    n = len(x) if keep is None else len(keep)
    fetch = min(k + 1, n)
    scores, rows = _candidates(q, x, fetch, metric, keep)
    slack = _rounding(q.shape[1])
    if len(q) == 1 and _far_apart(scores[0].tolist(), slack * _scale(q[0], longest, metric)):
        return scores[:, :k], rows[:, :k]
    gaps = scores[:, :-1] - scores[:, 1:]
    tolerance = slack * _magnitude(q, longest, metric)
    close = gaps <= tolerance[:, None]
    unsure = close.any(axis=1)
    open_end = unsure & close[:, -1] if fetch > k else np.zeros(len(q), np.bool_)
    for i in np.flatnonzero(open_end):  # the tie goes on beyond what was fetched
        tied = _at_least(q[i], x, float(scores[i, k - 1] - 2 * tolerance[i]), metric, keep)
        scores[i, :k], rows[i, :k] = _in_order(q[i], x, tied, k=k, metric=metric, ids=ids)
    for i in np.flatnonzero(unsure & ~open_end):
        scores[i], rows[i] = _in_order(q[i], x, rows[i], k=fetch, metric=metric, ids=ids)
    return scores[:, :k], rows[:, :k]


def few_allowed(n_allowed: int, n_rows: int, sure: int = _SURE) -> bool:
    """Return whether so few rows are allowed that scoring each of them is quick, and surer than any other search."""
    return n_allowed <= min(sure, int(_SURE_SHARE * n_rows))


def unfilled(rows: Ids) -> bool:
    """Return whether some query has fewer hits than places: the last one is -1 then."""
    return bool((rows.item(-1) if len(rows) == 1 else rows[:, -1].min()) < 0)


def blocks(q: Vectors, vectors: Callable[[Ids], Vectors], rows: Ids, k: int, metric: Metric) -> tuple[Scores, Ids]:
    """Return the ``k`` best of ``rows``, fetching vectors block by block; up to float32's rounding.

    Parameters
    ----------
    q
        float32, shape (n_queries, dim).
    vectors
        Returns the vectors of rows: float32, shape (len(rows), dim).
    rows
        int64, at least ``k`` of them.
    """
    step = max(_GATHERED_BYTES // (4 * q.shape[1]), k)
    best: tuple[Scores, Ids] | None = None
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        scores, at = knn(q, vectors(some), min(k, len(some)), metric)
        found = (scores, some[at])
        best = found if best is None else merge(best, found, k)
    if best is None:
        raise ValueError("no rows to scan")
    return best


def merge(one: tuple[Scores, Ids], other: tuple[Scores, Ids], k: int) -> tuple[Scores, Ids]:
    """Merge two tables of the same queries into the ``k`` best, best first; at equal scores ``one`` goes first."""
    scores = np.concatenate((one[0], other[0]), axis=1)
    rows = np.concatenate((one[1], other[1]), axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


def settle_ties(scores: Scores, ids: Ids) -> None:
    """Sort hits of equal score by ascending id, in place; ``ids`` is C-contiguous.

    Nearly all ties are of two or three, for which swapping neighbours is faster than sorting; the rest is sorted.
    """
    if scores.size <= 32 and len(scores) == 1:  # one query, few hits: Python is faster than numpy
        values = scores[0].tolist()
        if len(set(values)) == len(values):
            return
    tied = np.flatnonzero(scores[:, 1:] == scores[:, :-1])
    if not len(tied):
        return
    flat, width = ids.reshape(-1), ids.shape[1]
    tied += tied // (width - 1)  # positions in ``flat`` of the left one of each pair
    for _ in range(_SWAPS):
        wrong = tied[flat[tied] > flat[tied + 1]]
        if not len(wrong):
            return
        apart = wrong[np.diff(wrong, prepend=-2) > 1]  # pairs that do not overlap the pair before
        flat[apart], flat[apart + 1] = flat[apart + 1], flat[apart]
    rows = np.unique(tied // width)
    order = np.lexsort((ids[rows], -scores[rows]), axis=1)
    ids[rows] = np.take_along_axis(ids[rows], order, axis=1)


def _candidates(q: Vectors, x: Vectors, k: int, metric: Metric, keep: Keep | None) -> tuple[Scores, Ids]:
    if keep is None:
        return knn(q, x, k, metric)
    forbidden = len(x) - len(keep)
    if forbidden <= FEW_DEAD:
        return _drop(*knn(q, x, k + forbidden, metric), keep, k)
    if len(q) <= _SELECTOR_QUERIES and len(keep) > _SELECTOR_SHARE * len(x):
        return knn(q, x, k, metric, keep)
    return blocks(q, x.__getitem__, keep.rows, k, metric)


def _drop(scores: Scores, rows: Ids, keep: Keep, k: int) -> tuple[Scores, Ids]:
    """Return the ``k`` best of the allowed rows; there are at least ``k`` of them."""
    order = np.argsort(~keep.mask[rows], axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


@cache
def _rounding(dim: int) -> float:
    """Return a bound on the difference between equal scores of vectors of length 1 in float32."""
    return 6e-8 * (8 + 2 * math.sqrt(dim))


def _magnitude(q: Vectors, longest: float, metric: Metric) -> NDArray[np.float32]:
    """Return, per query, how much larger the rounding may be than for vectors of length 1."""
    if metric == "cosine":
        return np.ones(len(q), np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", q, q))
    most = math.sqrt(longest)
    return np.asarray((lengths + most) ** 2 if metric == "l2" else lengths * most, np.float32)


def _scale(q: Vectors, longest: float, metric: Metric) -> float:
    """Return ``_magnitude`` of one query, shape (dim,), in plain Python, which is faster for one."""
    if metric == "cosine":
        return 1.0
    length, most = math.sqrt(float(q.dot(q))), math.sqrt(longest)
    return (length + most) ** 2 if metric == "l2" else length * most


def _far_apart(descending: list[float], tolerance: float) -> bool:
    return min(map(sub, descending, descending[1:]), default=math.inf) > tolerance


def _at_least(q: Vectors, x: Vectors, least: float, metric: Metric, keep: Keep | None) -> Ids:
    """Return the rows that score at least ``least``."""
    rows = np.arange(len(x)) if keep is None else keep.rows
    step = _BLOCK_BYTES // (4 * x.shape[1]) + 1
    found = []
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        part = x[start : start + step] if keep is None else x[some]
        dots = part @ q
        if metric == "l2":
            dots = 2 * dots - np.einsum("ij,ij->i", part, part) - q @ q
        found.append(some[dots >= least])
    return np.concatenate(found)


def _in_order(q: Vectors, x: Vectors, rows: Ids, *, k: int, metric: Metric, ids: Ids) -> tuple[Scores, Ids]:
    """Score ``rows`` in float64 and return the ``k`` best, equal scores by ascending id."""
    wide = q.astype(np.float64)
    step = _BLOCK_BYTES // (8 * len(q)) + 1
    parts = []
    for start in range(0, len(rows), step):
        part = x[rows[start : start + step]].astype(np.float64)
        parts.append(-np.square(part - wide).sum(axis=1) if metric == "l2" else part @ wide)
    scores = np.concatenate(parts).astype(np.float32)
    order = np.lexsort((ids[rows], -scores))[:k]
    return scores[order], rows[order]


def rescore(q: Vectors, x: Vectors, rows: Ids, metric: Metric) -> Scores:
    """Score candidates exactly: float32, shape (n_queries, n_candidates), -inf where the row is -1.

    Parameters
    ----------
    q, x
        float32, shapes (n_queries, dim) and (n, dim).
    rows
        int64, shape (n_queries, n_candidates): the candidates of every query.
    """
    scores = np.empty(rows.shape, np.float32)
    step = max(1, _BLOCK_BYTES // (4 * x.shape[1] * max(1, rows.shape[1])))
    for start in range(0, len(q), step):
        some, near = q[start : start + step, None, :], x[rows[start : start + step]]
        if len(near) == 1 and metric != "l2":
            scores[start] = inner_products(some[0], near[0])[0]
        elif metric == "l2":
            near -= some
            scores[start : start + step] = -np.einsum("ijk,ijk->ij", near, near)
        else:
            scores[start : start + step] = np.matmul(near, some.transpose(0, 2, 1))[:, :, 0]
    scores[rows < 0] = -np.inf
    return scores
