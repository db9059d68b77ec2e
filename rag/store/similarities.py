"""Similarities of a few vectors, computed without an index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexes import Metric
from indexes.faiss_library import inner_products


def similarities(q: NDArray[np.float32], x: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return the scores of ``x`` for ``q`` by a metric: float32, shape (len(q), len(x)), higher is better.

    For the cosine, ``x`` must be of unit length or 0.
    """
    dots = _dots(q, x)
    if metric == "ip":
        return dots
    q_squared = np.einsum("ij,ij->i", q, q)[:, None]
    if metric == "l2":
        return np.asarray(2 * dots - q_squared - np.einsum("ij,ij->i", x, x), np.float32)
    return np.asarray(dots / np.sqrt(np.where(q_squared > 0, q_squared, 1)), np.float32)


def unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors at length 1; those of length 0 as they are."""
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(lengths > 0, lengths, 1), np.float32)


def _dots(q: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the inner products."""
    if len(q) != 1 or not len(x) or q.dtype != np.float32 or x.dtype != np.float32:
        return np.asarray(np.dot(q, x.T))
    return inner_products(np.ascontiguousarray(q), np.ascontiguousarray(x))
