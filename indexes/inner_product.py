"""Maximum inner product search as nearest-neighbour search, for engines with Euclidean distances only.

Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces",
2014: a vector x gets one more coordinate, sqrt(M^2 - |x|^2), where M is the length of the longest; a query gets 0. Then
the squared distance is M^2 + |q|^2 - 2 <q, x>.
"""

from __future__ import annotations

import numpy as np

from .types import Metric, Vectors


def lifted(x: Vectors, metric: Metric) -> Vectors:
    """Return vectors for the engine to hold: float32, shape (n, dim), or (n, dim + 1) for ``ip``."""
    if metric != "ip":
        return x
    squares = np.einsum("ij,ij->i", x, x, dtype=np.float64)
    return _widened(x, np.sqrt(squares.max(initial=0.0) - squares))


def lifted_queries(q: Vectors, metric: Metric) -> Vectors:
    """Return queries for an engine of ``lifted`` vectors: float32, C-contiguous."""
    return q if metric != "ip" else _widened(q, np.zeros(len(q)))


def width(dim: int, metric: Metric) -> int:
    """Return the number of coordinates of a lifted vector."""
    return dim + 1 if metric == "ip" else dim


def _widened(x: Vectors, last: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Vectors:
    out = np.empty((len(x), x.shape[1] + 1), np.float32)
    out[:, :-1], out[:, -1] = x, last
    return out
