"""Quality of answers: recall by distance and by id, and the error of distances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes import Ids

from .distances import Distances
from .errors import EngineFailed

EPSILON = 1e-6
"""Relative tolerance within which a distance ties with the k-th neighbour's."""

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality of answers, compared with exact ones.

    Attributes
    ----------
    recall
        Share of the k nearest that were found; any neighbour as near as the k-th counts; mean over queries.
    recall_by_id
        Share of the true neighbours' ids that were found; a tie resolved the other way is a miss here.
    distance_error
        Excess distance of the neighbours found over the true ones of the same rank, relative to these, in total; None
        if nothing was found, or all true distances are 0.
    per_query
        Recall of each query: float64, shape (n_queries,).
    found
        Number of neighbours found for each query: int64, shape (n_queries,).
    """

    recall: float
    recall_by_id: float
    distance_error: float | None
    per_query: NDArray[np.float64]
    found: NDArray[np.int64]


def quality(rows: Ids, distances: Distances, true_rows: Ids, true_distances: Distances) -> Quality:
    """Compare answers with exact ones.

    Parameters
    ----------
    rows
        int64, shape (n_queries, at most k): rows found, -1 for none. A repeated one counts once.
    distances
        float64, the same shape: their distances, computed from the vectors; inf for row -1.
    true_rows, true_distances
        Shape (n_queries, k), nearest first. The denominator is always ``k``.
    """
    k = true_rows.shape[1]
    rows, distances = rows[:, :k], distances[:, :k]
    counted = first_occurrences(rows) & (rows >= 0)
    near = distances <= threshold(true_distances[:, -1:])
    hits = (near & counted).sum(axis=1)
    per_query = hits / k
    by_id = sum(
        len(np.intersect1d(found[ok], true, assume_unique=True))
        for found, ok, true in zip(rows, counted, true_rows, strict=True)
    )
    error = _error(distances, counted, true_distances)
    return Quality(float(per_query.mean()), by_id / max(true_rows.size, 1), error, per_query, hits)


def interval(recall: float, n_queries: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a recall: Wilson's, with one trial per query.

    A query's recall varies no more than a coin of the same mean, so the interval is never too narrow; and it is not
    empty when every query is answered fully. E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", 1927.
    """
    share = z * z / n_queries
    middle = (recall + share / 2) / (1 + share)
    half = z / (1 + share) * math.sqrt(recall * (1 - recall) / n_queries + share / (4 * n_queries))
    return (0.0 if recall == 0 else middle - half), (1.0 if recall == 1 else middle + half)


def threshold(kth: Distances, epsilon: float = EPSILON) -> Distances:
    """Return the distance up to which a neighbour counts, given that of the true k-th one."""
    limit: Distances = kth + epsilon * np.abs(kth) + _TINY
    return limit


def first_occurrences(rows: Ids) -> NDArray[np.bool_]:
    """Return for every entry whether it is the first of its value in its row."""
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    fresh = np.ones(rows.shape, np.bool_)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    out = np.empty(rows.shape, np.bool_)
    np.put_along_axis(out, order, fresh, axis=1)
    return out


def rows_of(found: Ids, ids: Ids) -> Ids:
    """Turn ids found into rows of the base, -1 staying -1.

    Parameters
    ----------
    found
        int64, shape (n_queries, k).
    ids
        int64, shape (n,), ascending: the ids of the base's rows.

    Raises
    ------
    EngineFailed
        An id was never added to the index.
    """
    at = np.searchsorted(ids, found)
    at[at == len(ids)] = 0
    foreign = (ids[at] != found) & (found != -1)
    if foreign.any():
        raise EngineFailed(f"it returned the id {int(found[foreign][0])}, which is not in the data")
    return np.where(found == -1, -1, at)


def _error(distances: Distances, counted: NDArray[np.bool_], true: Distances) -> float | None:
    """Return the sum of excess distances divided by the sum of true distances, by rank of the hits."""
    found = np.sort(np.where(counted, distances, np.inf), axis=1)
    there = np.isfinite(found)
    total = float(np.abs(true[:, : found.shape[1]][there]).sum())
    if not there.any() or total == 0:
        return None
    return float((found[there] - true[:, : found.shape[1]][there]).sum() / total)
