"""Maximum inner product search as nearest-neighbour search, for engines that put near vectors together.

Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces",
2014: a vector x gets one more coordinate, sqrt(M^2 - |x|^2), where M is the length of the longest; a query gets 0 and
is scaled to length M. Then all have length M, and the nearest by distance or angle is the best by inner product.
Engines that score by inner product themselves and only need lists of near vectors take ``Reach``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import faiss_library as native, ranges
from .types import Ids, Scores, Vectors

_REACH, _MORE = 0.25, 8
"""Measured on vectors of lognormal lengths, with and without a common mean."""
_ROUNDING = 1 + 1e-6


class Lift:
    """The transformation with the length of the longest vector that was learned from.

    Parameters
    ----------
    limit
        The square of that length.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit

    @classmethod
    def of(cls, x: Vectors) -> Lift:
        """Return the transformation for these vectors."""
        return cls(float(_squares(x).max(initial=0.0)))

    def vectors(self, x: Vectors) -> Vectors:
        """Return lifted vectors: float32, shape (n, dim + 1)."""
        return _widened(x, np.sqrt(np.maximum(self.limit - _squares(x), 0)))

    def queries(self, q: Vectors) -> Vectors:
        """Return lifted queries: float32, shape (n, dim + 1), as long as the vectors, which changes no order."""
        return _widened(q * self.scale(q)[:, None], np.zeros(len(q)))

    def scale(self, q: Vectors) -> NDArray[np.float32]:
        """Return how many times longer a lifted query is: float32, shape (n,)."""
        squares = _squares(q)
        return np.asarray(np.sqrt(self.limit / np.where(squares > 0, squares, max(self.limit, 1))), np.float32)

    def too_long(self, x: Vectors) -> NDArray[np.bool_]:
        """Return which vectors are longer than those that were learned from."""
        return np.asarray(_squares(x) > self.limit * _ROUNDING)


class Reach:
    """Lists around centres, ranked by the inner product that their best vectors may have with a query.

    That is the product with the centre, and a share of the query's length times the list's radius. Lists of long
    vectors are small, so as many more lists are searched as hold no more vectors than the wanted number of others.

    Parameters
    ----------
    centres, radii
        float32, shapes (n_lists, dim) and (n_lists,).
    """

    def __init__(self, centres: Vectors, radii: NDArray[np.float32]) -> None:
        self.centres, self.radii = centres, radii

    @classmethod
    def of(cls, quantizer: Any, x: Vectors, before: Reach | None) -> Reach:  # noqa: ANN401 - a faiss index
        """Return the lists of a faiss index of centres after the addition of ``x``."""
        squares, nearest = native.search(quantizer, x, 1, "l2")
        centres = before.centres if before else native.decoded(quantizer, np.arange(quantizer.ntotal))
        radii = before.radii.copy() if before else np.zeros(len(centres), np.float32)
        np.maximum.at(radii, nearest[:, 0], np.sqrt(np.maximum(-squares[:, 0], 0)))
        return cls(centres, radii)

    def lists(self, q: Vectors, nprobe: int, sizes: Ids) -> tuple[Ids, Scores]:
        """Return the lists to search for every query, best first, padded by -1, and the centres' products with it."""
        dots = q @ self.centres.T
        hoped = dots + _REACH * np.sqrt(_squares(q))[:, None].astype(np.float32) * self.radii
        most = min(len(sizes), _MORE * nprobe)
        numbers = (
            np.argpartition(-hoped, most - 1, axis=1)[:, :most] if most < len(sizes) else np.argsort(-hoped, axis=1)
        )
        order = np.argsort(-np.take_along_axis(hoped, numbers, axis=1), axis=1)
        numbers = np.take_along_axis(numbers, order, axis=1).astype(np.int64)
        held = np.cumsum(sizes[numbers], axis=1) - sizes[numbers]
        dear = (held >= sizes.sum() * nprobe / len(sizes)) & (np.arange(most) >= nprobe)
        dots = np.take_along_axis(dots, numbers, axis=1)
        numbers[dear] = -1
        return numbers, np.ascontiguousarray(dots, np.float32)


def odd(x: Vectors) -> NDArray[np.bool_] | None:
    """Return the few vectors beside which all others would be short; None for none."""
    return ranges.odd(np.sqrt(_squares(x)).astype(np.float32)[:, None])


def _squares(x: Vectors) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ij,ij->i", x, x, dtype=np.float64))


def _widened(x: Vectors, last: NDArray[np.float64]) -> Vectors:
    out = np.empty((len(x), x.shape[1] + 1), np.float32)
    out[:, :-1], out[:, -1] = x, last
    return out
