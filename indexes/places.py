"""Places of the rows of a part in the index that it is part of; free of memory while they are 0, 1, 2 ..."""

from __future__ import annotations

import numpy as np

from .rows import Keep
from .types import Ids


class Places:
    """The row of the index for every row of one part of it."""

    def __init__(self, rows: Ids | None = None) -> None:
        self._n = 0
        self._buffer: Ids | None = None
        if rows is not None and len(rows):
            self.append(rows)

    def __len__(self) -> int:
        return self._n

    @property
    def plain(self) -> bool:
        """Whether row ``i`` of the part is row ``i`` of the index."""
        return self._buffer is None

    @property
    def rows(self) -> Ids:
        """int64, shape (n,), ascending."""
        return np.arange(self._n) if self._buffer is None else self._buffer[: self._n]

    @property
    def nbytes(self) -> int:
        """Bytes held, including room to grow."""
        return 0 if self._buffer is None else self._buffer.nbytes

    def append(self, rows: Ids) -> None:
        """Append the places of the next rows, which are higher than all before; at least one."""
        end = self._n + len(rows)
        if self._buffer is None:
            if int(rows[0]) == self._n and int(rows[-1]) == end - 1:
                self._n = end
                return
            self._buffer = self.rows
        if end > len(self._buffer):
            grown = np.empty(max(end, self._n + self._n // 8 + 64), np.int64)
            grown[: self._n] = self._buffer[: self._n]
            self._buffer = grown
        self._buffer[self._n : end] = rows
        self._n = end

    def of(self, rows: Ids) -> Ids:
        """Return the places of rows of the part; -1 stays -1."""
        if self._buffer is None:
            return rows
        return np.where(rows >= 0, self._buffer[rows], -1)

    def find(self, places: Ids) -> Ids:
        """Return the rows of the part at these places of the index, -1 where there is none."""
        if self._buffer is None:
            return np.where(places < self._n, places, -1)
        held = self._buffer[: self._n]
        at = np.minimum(np.searchsorted(held, places), self._n - 1)
        return np.where(held[at] == places, at, -1)

    def keep(self, keep: Keep | None) -> Keep | None:
        """Return the rows of the part that a search of the index may return; None for all."""
        if keep is None or (self._buffer is None and keep.n_rows == self._n):
            return keep
        found = self.find(keep.rows)
        return Keep(found[found >= 0], self._n)
