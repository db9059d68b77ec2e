"""A matrix of float32 that grows at the end."""

from __future__ import annotations

import numpy as np

from .types import Ids, Vectors


class Matrix:
    """Rows of vectors in one array, with an eighth of room to grow."""

    def __init__(self, dim: int) -> None:
        self._buffer: Vectors = np.empty((0, dim), np.float32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def rows(self) -> Vectors:
        """float32, shape (n, dim): a view, not to be written to, until the next change."""
        return self._buffer[: self._n]

    @property
    def nbytes(self) -> int:
        """Bytes held, room to grow included."""
        return self._buffer.nbytes

    def replace(self, x: Vectors) -> None:
        """Hold a copy of ``x`` only."""
        self._buffer, self._n = x.copy(), len(x)

    def append(self, x: Vectors) -> None:
        """Hold a copy of ``x`` too."""
        end = self._n + len(x)
        if end > len(self._buffer):
            room = max(end, self._n + self._n // 8 + 64) if self._n else end
            grown = np.empty((room, self._buffer.shape[1]), np.float32)
            grown[: self._n] = self.rows
            self._buffer = grown
        self._buffer[self._n : end] = x
        self._n = end

    def compact(self, live: Ids) -> None:
        """Hold only these rows, in this order."""
        self._buffer, self._n = self._buffer[live], len(live)
