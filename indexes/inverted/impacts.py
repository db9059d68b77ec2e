"""Impacts: the contribution of each posting of a term to a document's score, computed on first use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_FREQUENT = 32
"""A term in more than one of this many documents is frequent: lookups by row are worth an array of all rows."""


class ImpactList:
    """The postings of one term as score contributions.

    Attributes
    ----------
    rows
        int32, shape (p,), ascending.
    impacts
        float32, shape (p,).
    size
        The number of postings.
    upper, lower
        The largest and the smallest impact; 0 if there is none.
    """

    __slots__ = ("_by_row", "_n_rows", "impacts", "lower", "rows", "size", "upper")

    def __init__(self, rows: NDArray[np.int32], impacts: NDArray[np.float32], n_rows: int) -> None:
        self.rows = rows
        self.size = len(rows)
        self.impacts = impacts
        self.upper = float(impacts.max()) if len(impacts) else 0.0
        self.lower = float(impacts.min()) if len(impacts) else 0.0
        self._n_rows = n_rows
        self._by_row: NDArray[np.float32] | None = None  # of frequent terms, made when rows are first looked up

    @property
    def nbytes(self) -> int:
        """Bytes held beyond the postings themselves."""
        own = self.rows.nbytes if self.rows.base is None else 0
        return own + sum(array.nbytes for array in (self.impacts, self._by_row) if array is not None)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the impacts in some rows, 0 where the term is not."""
        if self._by_row is None and len(self.rows) * _FREQUENT > self._n_rows:
            by_row = np.zeros(self._n_rows, np.float32)
            by_row[self.rows] = self.impacts
            self._by_row = by_row
        if self._by_row is not None:
            return self._by_row.take(rows)
        places = self._places(rows)
        impacts: NDArray[np.float32] = self.impacts.take(places) * (self.rows.take(places) == rows)
        return impacts

    def has(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return in which of some rows the term is."""
        there: NDArray[np.bool_] = self.rows.take(self._places(rows)) == rows
        return there

    def _places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where each row is in ``rows``, if it is there at all."""
        places = self.rows.searchsorted(rows.astype(np.int32))
        return np.minimum(places, len(self.rows) - 1, out=places)


class ImpactCache(dict[int, ImpactList]):
    """Impact lists by term number, made on first use, for one state of the index and one set of parameters.

    Safe for many threads: two that need the same list at once may both make it, and either is kept.
    """

    def __init__(self, make: Callable[[int], ImpactList]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, term: int) -> ImpactList:
        made = self[term] = self._make(term)
        return made

    @property
    def nbytes(self) -> int:
        """Bytes of all lists made so far."""
        return sum(each.nbytes for each in list(self.values()))
