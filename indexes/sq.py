"""Scalar quantisation: every number of a vector is kept in 8 bits; by faiss.

All dimensions share one scale, so an outlier dimension costs the others precision, but a dimension that was 0 so far is
not lost. faiss would clip what lies beyond the range that was learned; here such vectors are kept as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import faiss_library as native, ranges
from .codes import CodesIndex
from .errors import IndexDamaged
from .files import Folder
from .rows import Keep
from .types import Ids, Scores, Vectors


class SQIndex(CodesIndex):
    """All codes are compared with every query: a quarter of the memory of flat, and nearly its hits."""

    name = "sq"
    filters = "native"
    recall_floor = 0.9

    def _train_at(self) -> int:
        return 256

    def _new(self, n: int) -> Any:  # noqa: ANN401, ARG002 - a faiss index, the same for any number of vectors
        return self._fresh(0.0, 0.0)

    def _fresh(self, low: float, high: float) -> Any:  # noqa: ANN401 - a faiss index
        """Return an empty index of codes from ``low`` to ``high``."""
        faiss = native.faiss()
        index = faiss.IndexScalarQuantizer(self.dim, faiss.ScalarQuantizer.QT_8bit_uniform, native.code(self.metric))
        faiss.copy_array_to_vector(np.array([low, high - low], np.float32), index.sq.trained)
        index.is_trained = True
        return index

    def _odd(self, x: Vectors) -> NDArray[np.bool_] | None:
        return ranges.odd(x)

    def _beyond(self, x: Vectors) -> NDArray[np.bool_]:
        low, width = _trained(self._index)
        return np.asarray((x.min(axis=1) < low) | (x.max(axis=1) > low + width))

    def _engine_build(self, x: Vectors) -> None:
        low, high = ranges.widened(x.min(), x.max())
        self._index = self._fresh(float(low), float(high))
        self._engine_append(x)

    def _engine_search(self, q: Vectors, k: int, params: object, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - there are none
        chosen = None if keep is None else native.faiss().SearchParameters(sel=native.selector(keep))
        return native.search(self._index, q, k, self.metric, chosen)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        """Decode as faiss does, but five times as fast: faiss goes number by number."""
        x, step, low = self._codes(rows)
        x *= step
        x += low
        return x

    def _scores(self, q: Vectors, rows: Ids) -> Scores | None:
        """Multiply with the codes as they are, and scale the sums: decoding every number takes longer."""
        if len(q) > 1 or self.metric == "l2" or not self._trained or self._held != self._rows.n_rows:
            return None
        codes, step, low = self._codes(rows)
        return np.asarray(native.inner_products(q, codes) * step + low * q.sum(), np.float32)

    def _codes(self, rows: Ids) -> tuple[Vectors, np.float32, np.float32]:
        """Return the codes of rows as float32, and what a step of them and the code 0 stand for."""
        stored = native.faiss().rev_swig_ptr(self._index.codes.data(), self._held * self.dim).reshape(-1, self.dim)
        low, width = _trained(self._index)
        step = np.float32(width / 255)
        return stored.take(rows, axis=0).astype(np.float32), step, np.float32(low) + step / 2

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        super()._engine_read(folder, n_rows)
        if self._index.sq.qtype != native.faiss().ScalarQuantizer.QT_8bit_uniform:
            raise IndexDamaged(f"{self.file} in {folder} has codes of another kind")


def _trained(index: Any) -> tuple[float, float]:  # noqa: ANN401 - a faiss index
    """Return the lowest number of its codes' range, and the width of the range."""
    low, width = native.faiss().vector_to_array(index.sq.trained).tolist()
    return low, width
