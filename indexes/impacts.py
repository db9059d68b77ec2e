"""Impacts: what each posting of a term adds to a document's score, worked out when a query first asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_FEWEST_LEADERS = 32


class ImpactList:
    """The postings of one term as score contributions.

    Attributes
    ----------
    rows
        int32, shape (p,), ascending.
    impacts
        float32, shape (p,).
    upper, lower
        The largest and the smallest impact; 0 if there is none.
    """

    __slots__ = ("_leaders", "_standings", "impacts", "lower", "rows", "upper")

    def __init__(self, rows: NDArray[np.int32], impacts: NDArray[np.float32]) -> None:
        self.rows = rows
        self.impacts = impacts
        self.upper = float(impacts.max()) if len(impacts) else 0.0
        self.lower = float(impacts.min()) if len(impacts) else 0.0
        self._leaders: NDArray[np.int64] | None = None
        self._standings: NDArray[np.float32] = impacts[:0]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes held beyond the postings themselves."""
        own = self.rows.nbytes if self.rows.base is None else 0
        return own + self.impacts.nbytes + (0 if self._leaders is None else 12 * len(self._leaders))

    def leaders(self, k: int) -> NDArray[np.int64]:
        """Return the rows of the largest impacts, best first: at least ``k`` of them, if there are so many."""
        if self._leaders is None or len(self._leaders) < min(k, len(self.rows)):
            n = min(max(_FEWEST_LEADERS, k), len(self.rows))
            at = np.argpartition(self.impacts, len(self.rows) - n)[len(self.rows) - n :]
            at = at[np.argsort(-self.impacts[at], kind="stable")]
            self._standings = self.impacts[at]
            self._leaders = self.rows[at].astype(np.int64)
        return self._leaders

    def kth(self, k: int) -> float:
        """Return the k-th largest impact; 0 if there are fewer than ``k``."""
        if len(self.rows) < k:
            return 0.0
        self.leaders(k)
        return float(self._standings[k - 1])

    def at(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the impacts in some rows, 0 where the term is not, and whether it is there."""
        places = self.rows.searchsorted(rows.astype(np.int32))
        np.minimum(places, len(self.rows) - 1, out=places)
        there = self.rows[places] == rows
        return self.impacts[places] * there, there


class ImpactCache:
    """Impact lists by term number, for one state of the index and one set of parameters.

    Safe for many threads: two that need the same list at once may both make it, and either is kept.
    """

    def __init__(self, make: Callable[[int], ImpactList]) -> None:
        self._make = make
        self._lists: dict[int, ImpactList] = {}

    def __getitem__(self, term: int) -> ImpactList:
        found = self._lists.get(term)
        if found is None:
            found = self._lists[term] = self._make(term)
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of all lists made so far."""
        return sum(each.nbytes for each in list(self._lists.values()))
