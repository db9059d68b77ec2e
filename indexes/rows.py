"""Maps between ids and the rows of an engine.

Engines number their items 0, 1, 2 ... in the order of adding; callers choose ids freely up to 2**63 - 1. A ``RowMap``
translates both ways and knows which rows are dead: removed by the caller, but still in the engine.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .types import Ids

DEAD = -1
"""The id of a row that was removed."""

_TAIL = 4096


class RowMap:
    """Ids by row, rows by id.

    Lookups by id use a sorted table of older rows and a dictionary of the few added since; the table is remade when the
    dictionary has grown to an eighth of it, so adding one at a time stays cheap.
    """

    def __init__(self, ids: Ids | None = None) -> None:
        self._buffer: Ids = np.empty(0, np.int64) if ids is None else ids.astype(np.int64)
        self.n_rows = len(self._buffer)
        self.n_live = int((self._buffer >= 0).sum())
        self._tail: dict[int, int] = {}
        self._settled = 0  # rows below this one are in the sorted table, the others in the tail
        self._sorted: Ids | None = None
        self._rows: Ids = np.empty(0, np.int64)

    @property
    def by_row(self) -> Ids:
        """int64, shape (n_rows,): the id of every row, -1 where it is dead. A view: do not write."""
        return self._buffer[: self.n_rows]

    @property
    def n_dead(self) -> int:
        """Number of rows that are removed, but still in the engine."""
        return self.n_rows - self.n_live

    @property
    def nbytes(self) -> int:
        """Bytes of the map; the sorted table counts from its first use."""
        return self._buffer.nbytes + self._rows.nbytes + (0 if self._sorted is None else self._sorted.nbytes)

    def append(self, ids: Ids) -> None:
        """Give the next ``len(ids)`` rows these ids, which must be new."""
        end = self.n_rows + len(ids)
        if end > len(self._buffer):
            grown = np.empty(end if not self.n_rows else max(end, self.n_rows + self.n_rows // 8 + 64), np.int64)
            grown[: self.n_rows] = self.by_row
            self._buffer = grown
        self._buffer[self.n_rows : end] = ids
        if self._sorted is not None:
            if len(self._tail) + len(ids) > max(_TAIL, self._settled // 8):
                self._sorted = None
            else:
                self._tail.update(zip(ids.tolist(), range(self.n_rows, end), strict=True))
        self.n_rows = end
        self.n_live += len(ids)

    def lookup(self, ids: Ids) -> Ids:
        """Return the row of every id, int64, -1 where there is none."""
        table = self._settle()
        rows = np.full(len(ids), -1, np.int64)
        if len(table):
            at = np.searchsorted(table, ids)
            at[at == len(table)] = 0
            rows = np.where(table[at] == ids, self._rows[at], -1)
            rows[self._buffer[rows] != ids] = -1  # dead since the table was made (row -1 reads some other id: no match)
        if self._tail:
            for i in np.flatnonzero(rows < 0).tolist():
                row = self._tail.get(int(ids[i]), -1)
                rows[i] = row if row >= 0 and self._buffer[row] == ids[i] else -1
        return rows

    def _settle(self) -> Ids:
        if self._sorted is None:
            live = np.flatnonzero(self.by_row >= 0)
            order = np.argsort(self._buffer[live], kind="stable")
            self._rows = live[order]
            self._tail = {}
            self._settled = self.n_rows
            self._sorted = self._buffer[self._rows]
        return self._sorted

    def kill(self, rows: Ids) -> None:
        """Mark rows as dead."""
        self._buffer[rows] = DEAD
        self.n_live -= len(rows)

    def live(self) -> Ids:
        """Return the rows that are not dead, ascending."""
        return np.flatnonzero(self.by_row >= 0)

    def compact(self, live: Ids) -> None:
        """Renumber: the new row ``i`` is the old row ``live[i]``."""
        self.__init__(self._buffer[live])  # type: ignore[misc]

    def ids(self) -> Ids:
        """Return the live ids, ascending, as a fresh array."""
        ids = self.by_row
        return np.sort(ids[ids >= 0])


class Keep:
    """The rows that a search may return.

    Attributes
    ----------
    rows
        int64, ascending.
    n_rows
        Number of rows in the engine.
    """

    def __init__(self, rows: Ids, n_rows: int) -> None:
        self.rows = rows
        self.n_rows = n_rows

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """bool, shape (n_rows,)."""
        mask = np.zeros(self.n_rows, np.bool_)
        mask[self.rows] = True
        return mask

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """The mask, eight rows to a byte, lowest bit first, as faiss's ``IDSelectorBitmap`` reads it."""
        return np.packbits(self.mask, bitorder="little")
