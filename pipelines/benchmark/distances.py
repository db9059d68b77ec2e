"""Distances in float64, by which every answer is judged; an engine's own scores are not trusted.

Smaller is nearer, as in ann-benchmarks: the Euclidean distance (not squared) for ``l2``, one minus the cosine, minus
the inner product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from indexes import Ids, Metric, Vectors

Distances = NDArray[np.float64]
_BLOCK_NUMBERS = 8_000_000


def of_rows(base: Vectors, queries: Vectors, rows: Ids, metric: Metric) -> Distances:
    """Return the distance of each query to each of its rows: float64, shape (n_queries, k); inf for row -1.

    Parameters
    ----------
    base
        float32, shape (n, dim).
    queries
        float32, shape (n_queries, dim).
    rows
        int64, shape (n_queries, k): rows of ``base``, -1 for none.
    """
    out = np.empty(rows.shape, np.float64)
    for block in _blocks(len(queries), rows.shape[1] * base.shape[1]):
        q, x = queries[block].astype(np.float64), base[rows[block]].astype(np.float64)
        if metric == "l2":
            out[block] = np.sqrt(np.square(x - q[:, None]).sum(axis=2))
        else:
            inner = np.einsum("qd,qkd->qk", q, x)
            out[block] = -inner if metric == "ip" else 1 - inner / _lengths(q, x)
    out[rows < 0] = np.inf
    return out


def to_all(base: Vectors, queries: Vectors, metric: Metric) -> Iterator[tuple[slice, Distances]]:
    """Yield the distances of blocks of queries to the whole base: float64, shape (block, n). Brute force."""
    x = base.astype(np.float64)
    squares = np.einsum("nd,nd->n", x, x)
    for block in _blocks(len(queries), len(base)):
        q = queries[block].astype(np.float64)
        inner = q @ x.T
        if metric == "ip":
            yield block, -inner
            continue
        own = np.einsum("qd,qd->q", q, q)[:, None]
        if metric == "l2":
            yield block, np.sqrt(np.maximum(own + squares - 2 * inner, 0))
        else:
            lengths = np.sqrt(own * squares)
            yield block, 1 - inner / np.where(lengths > 0, lengths, 1)


def _lengths(q: Distances, x: NDArray[np.float64]) -> Distances:
    """Return the products of lengths; 1 for zero vectors, whose cosine with anything is 0."""
    lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=2)
    return np.where(lengths > 0, lengths, 1)


def _blocks(n: int, numbers_each: int) -> Iterator[slice]:
    size = max(1, _BLOCK_NUMBERS // max(numbers_each, 1))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
