"""Duplicate rows: equal vectors, for an engine that treats them as one."""

from __future__ import annotations

import numpy as np

from .types import Ids, Vectors


class Twins:
    """The equal rows: the engine holds one of each, and a hit counts for all its twins.

    Parameters
    ----------
    of
        int64, shape (n,): the number of each row's vector among the distinct ones, in the order of their first rows;
        None if all rows differ.
    """

    def __init__(self, of: Ids | None) -> None:
        self.of = of
        self._by_vector = np.empty(0, np.int64) if of is None else np.argsort(of, kind="stable")
        self._sizes = np.empty(0, np.int64) if of is None else np.bincount(of)
        self._starts = np.cumsum(self._sizes) - self._sizes

    @classmethod
    def among(cls, x: Vectors) -> Twins:
        """Find the equal rows of ``x``: float32, shape (n, dim)."""
        keys = (x + np.float32(0)).view(np.dtype((np.void, 4 * x.shape[1])))[:, 0]  # + 0 makes -0 equal to 0
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) == len(x):
            return cls(None)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return cls(rank[number])

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return 0 if self.of is None else self.of.nbytes + self._by_vector.nbytes + 2 * self._sizes.nbytes

    def one_of_each(self, x: Vectors) -> Vectors:
        """Return the distinct rows of ``x``, numbered as in ``of``."""
        return x if self.of is None else x[self._by_vector[self._starts]]

    def rows(self, found: Ids) -> Ids:
        """Return the rows of the vectors found, up to the width of ``found``.

        Parameters
        ----------
        found
            int64, shape (n_queries, k): numbers of distinct vectors, best first, padded by -1.

        Returns
        -------
        int64, shape (n_queries, k): rows, best first, padded by -1.
        """
        if self.of is None:
            return found
        out = np.full(found.shape, -1, np.int64)
        for i, padded in enumerate(found):
            numbers = padded[padded >= 0]
            sizes = self._sizes[numbers]
            enough = int(np.searchsorted(np.cumsum(sizes), found.shape[1])) + 1
            numbers, sizes = numbers[:enough], sizes[:enough]
            within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            rows = self._by_vector[np.repeat(self._starts[numbers], sizes) + within][: found.shape[1]]
            out[i, : len(rows)] = rows
        return out
