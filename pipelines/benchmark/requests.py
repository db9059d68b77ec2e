"""The requests of a load on an index: searches, and writes that replace a vector."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, Ids, Vectors
from indexes.dense_index import DenseIndex


class IndexRequests:
    """Makes the requests of one schedule, and keeps the answers.

    Parameters
    ----------
    index
        The index that is searched and changed.
    search
        Searches with its parameters.
    queries
        float32, shape (n_queries, dim), to draw from.
    rows, ids
        The vectors in the index, and their ids.
    n
        Number of requests.
    k
        Number of neighbours.
    writes
        Share of the requests that write.
    rng
        Draws queries, writes and the rows that are written.
    """

    def __init__(
        self,
        index: DenseIndex,
        search: Callable[[Vectors], Hits],
        *,
        queries: Vectors,
        rows: Vectors,
        ids: Ids,
        n: int,
        k: int,
        writes: float,
        rng: np.random.Generator,
    ) -> None:
        self._index, self._search = index, search
        self.queries: Ids = rng.integers(0, len(queries), n)
        self.is_write: NDArray[np.bool_] = rng.random(n) < writes
        self.answers: Ids = np.full((n, k), -1, np.int64)
        self._asked, self._rows = queries, rows
        order = rng.permutation(len(rows))
        number = np.cumsum(self.is_write) - 1
        self._written: Ids = np.where(self.is_write, order[number % len(rows)], -1)
        self._new: Ids = np.where(self.is_write, int(ids.max()) + 1 + number, -1)
        self._now: Ids = ids.copy()
        self._writing = threading.Lock()

    @property
    def renewed(self) -> Ids:
        """int64: the row of each new id, in the order of the ids, which follow the greatest one at first."""
        return self._written[self.is_write]

    def __call__(self, number: int) -> None:
        """Do the work of one request."""
        if self.is_write[number]:
            row = int(self._written[number])
            with self._writing:  # two servers may replace the same vector
                self._index.remove(self._now[row : row + 1])
                self._index.add(self._rows[row : row + 1], self._new[number : number + 1])
                self._now[row] = self._new[number]
        else:
            query = self.queries[number]
            found = self._search(self._asked[query : query + 1]).ids[0, : self.answers.shape[1]]
            self.answers[number, : len(found)] = found  # an engine may return fewer than it was asked for
