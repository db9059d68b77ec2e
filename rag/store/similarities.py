"""Similarities of a few vectors, computed without an index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexes import Metric


def similarities(q: NDArray[np.float32], x: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Return the scores of ``x`` for ``q`` by a metric: float32, shape (len(q), len(x)), higher is better.

    For the cosine, ``x`` must be of unit length or 0.
    """
    dots: NDArray[np.float32] = np.dot(q, x.T)
    if metric == "ip":
        return dots
    q_squared = np.einsum("ij,ij->i", q, q)[:, None]
    if metric == "l2":
        return np.asarray(2 * dots - q_squared - np.einsum("ij,ij->i", x, x), np.float32)
    return np.asarray(dots / np.sqrt(np.where(q_squared > 0, q_squared, 1)), np.float32)
