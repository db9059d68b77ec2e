"""Recall of the server's index of vectors against exact search over the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from indexes import IdSet

from ..recall import middles
from .vectors import EXACT_UP_TO, PostgresVectors

_SAMPLE, _K = 50, 10

Ids = NDArray[np.int64]


def of(index: PostgresVectors, vectors: Callable[[Iterable[int]], NDArray[np.float32]], ids: Ids) -> float:
    """Return the share of the ten nearest to questions between chunks that an index finds, see `rag.store.recall`."""
    if not len(ids):
        return 1.0
    queries = middles(vectors(ids[:: max(1, len(ids) // _SAMPLE)].tolist()), index.metric)
    found = index.search(queries, _K)
    best = np.full((len(queries), 0), -np.inf, np.float32)
    for start in range(0, len(ids), EXACT_UP_TO):
        exact = index.search(queries, _K, allow=IdSet(ids[start : start + EXACT_UP_TO]))
        best = -np.sort(-np.concatenate((best, exact.scores), axis=1), axis=1)[:, :_K]
    least = best[:, -1:] - 1e-5 * np.abs(best[:, -1:])
    return float((found.scores >= least).mean())
