"""Base of the engines whose rows are codes in one faiss index."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from . import faiss_library as native
from .errors import InvalidInput
from .files import Folder
from .rows import Keep
from .staged import StagedIndex
from .types import Ids, Scores, Vectors

TRAINING_PER_CODE = 39
"""faiss asks for this many training vectors per code; fewer vectors are small enough to be searched exactly."""

TRAINING = 64 * TRAINING_PER_CODE
"""Engines that keep codes only learn from this many vectors at least: what they learn is there to stay."""
FEW_BITS = 4
"""Codes of so few bits a part depend most on what they were learned from."""


class CodesIndex(StagedIndex):
    """Codes of vectors in row order, all compared with every query."""

    file: ClassVar[str] = "codes.faiss"
    _index: Any

    @abstractmethod
    def _new(self, n: int) -> Any:  # noqa: ANN401 - a faiss index
        """Return an untrained faiss index that suits ``n`` vectors."""

    def _engine_build(self, x: Vectors) -> None:
        index = self._new(len(x))
        index.train(x)
        self._index = index
        self._engine_append(x)

    def _engine_append(self, x: Vectors) -> None:
        self._index.add(x)

    def _engine_search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401, ARG002 - the engine's own Search; faiss cannot filter codes
        return native.search(self._index, q, k, self.metric)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        return native.decoded(self._index, rows)

    def _engine_compact(self, live: Ids) -> None:
        compact(self._index, live)

    def _engine_bytes(self) -> dict[str, int]:
        return {"codes": self._index.ntotal * self._index.code_size}

    def _engine_write(self, folder: Folder) -> None:
        native.write(self._index, folder / self.file)

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        self._index = native.read(folder / self.file, self._new(n_rows), n_rows)


def parts(dim: int, m: int | None) -> int:
    """Return the number of parts of a vector: ``m``, or for None the largest divisor of ``dim`` up to ``dim`` / 4.

    Raises
    ------
    InvalidInput
        ``m`` does not divide ``dim``.
    """
    divisors = [i for i in range(1, dim + 1) if dim % i == 0]
    if m is None:
        return max(i for i in divisors if i <= max(1, dim // 4))
    if m not in divisors:
        near = sorted(divisors, key=lambda i: abs(i - m))[:3]
        raise InvalidInput(
            f"m={m} does not divide the dimension {dim}: take one of {', '.join(map(str, sorted(near)))}"
        )
    return m


def compact(index: Any, live: Ids) -> None:  # noqa: ANN401 - a faiss index
    """Drop all rows except ``live``; in an index of codes in row order, these move up."""
    dead = np.ones(index.ntotal, np.bool_)
    dead[live] = False
    index.remove_ids(native.selector(Keep(np.flatnonzero(dead), index.ntotal)))
