"""A growing float32 matrix."""

from __future__ import annotations

import numpy as np

from .types import Ids, Vectors


class Matrix:
    """Vectors in one array that grows by an eighth."""

    def __init__(self, dim: int) -> None:
        self._buffer: Vectors = np.empty((0, dim), np.float32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    @property
    def rows(self) -> Vectors:
        """float32, shape (n, dim): a view until the next change; do not write to it."""
        return self._buffer[: self._n]

    @property
    def nbytes(self) -> int:
        """Bytes held, including room to grow."""
        return self._buffer.nbytes

    def replace(self, x: Vectors) -> None:
        """Replace the rows by a copy of ``x``."""
        self._buffer, self._n = x.copy(), len(x)

    def adopt(self, x: Vectors) -> None:
        """Replace the rows by ``x`` itself, which nobody else may use any more."""
        self._buffer, self._n = x, len(x)

    def append(self, x: Vectors) -> None:
        """Append a copy of ``x``."""
        end = self._n + len(x)
        if end > len(self._buffer):
            room = max(end, self._n + self._n // 8 + 64) if self._n else end
            grown = np.empty((room, self._buffer.shape[1]), np.float32)
            grown[: self._n] = self.rows
            self._buffer = grown
        self._buffer[self._n : end] = x
        self._n = end

    def compact(self, live: Ids) -> None:
        """Keep only these rows, in this order."""
        self._buffer, self._n = self._buffer[live], len(live)
