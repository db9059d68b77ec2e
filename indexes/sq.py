"""Scalar quantisation: every number of a vector is kept in 8 bits; by faiss.

All dimensions share one scale, so an outlier dimension costs the others precision, but a dimension that was 0 so far is
not lost. faiss would learn the scale once and clip later values beyond it; here it is learned again when needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import codes, faiss_library as native
from .dense_index import DenseIndex
from .errors import IndexDamaged
from .rows import Keep
from .types import Ids, Scores, Traits, Vectors

_MARGIN = 0.02
"""Margin on both sides of the range, as a share of it, so that few later vectors lie beyond."""
_BLOCK = 1 << 14


class SQIndex(DenseIndex):
    """All codes are compared with every query: a quarter of the memory of flat, and nearly its hits."""

    name = "sq"
    learns = False
    max_dead_share = 0.05

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._index = self._fresh(0.0, 0.0)

    @property
    def traits(self) -> Traits:
        """Scores of 8-bit codes, all compared."""
        return Traits(exact=False, recall_floor=0.9)

    def _fresh(self, low: float, high: float) -> Any:  # noqa: ANN401 - a faiss index
        """Return an empty index of codes from ``low`` to ``high``."""
        faiss = native.faiss()
        index = faiss.IndexScalarQuantizer(self.dim, faiss.ScalarQuantizer.QT_8bit_uniform, native.code(self.metric))
        faiss.copy_array_to_vector(np.array([low, high - low], np.float32), index.sq.trained)
        index.is_trained = True
        return index

    def _build(self, items: Vectors) -> None:
        self._index = self._fresh(*_widened(items))
        self._index.add(items)

    def _append(self, items: Vectors) -> None:
        low, width = _trained(self._index)
        high = low + width
        if len(items) and (items.min() < low or items.max() > high):
            wider = _widened(items)
            self._recode(min(low, wider[0]), max(high, wider[1]))
        self._index.add(items)

    def _recode(self, low: float, high: float) -> None:
        """Code all rows anew in another range."""
        old, self._index = self._index, self._fresh(low, high)
        for start in range(0, old.ntotal, _BLOCK):
            self._index.add(self._decoded(old, slice(start, start + _BLOCK)))

    def _compact(self, live: Ids) -> None:
        codes.compact(self._index, live)

    def _search(self, q: Vectors, k: int, params: object, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - there are none
        chosen = None if keep is None else native.faiss().SearchParameters(sel=native.selector(keep))
        return native.search(self._index, q, k, self.metric, chosen)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: object) -> bool:  # noqa: ARG002 - as above
        return n_allowed < 0.05 * self._rows.n_rows

    def _vectors(self, rows: Ids) -> Vectors:
        return self._decoded(self._index, rows)

    def _decoded(self, index: Any, rows: Ids | slice) -> Vectors:  # noqa: ANN401 - a faiss index
        """Decode as faiss does, but five times as fast: faiss goes number by number."""
        stored = native.faiss().rev_swig_ptr(index.codes.data(), index.ntotal * self.dim).reshape(-1, self.dim)
        low, width = _trained(index)
        step = np.float32(width / 255)
        x: Vectors = stored[rows].astype(np.float32)
        x *= step
        x += np.float32(low) + step / 2
        return x

    def _bytes(self) -> dict[str, int]:
        return {"codes": self._index.ntotal * self._index.code_size}

    def _write(self, folder: Path) -> None:
        native.write(self._index, folder / "codes.faiss")

    def _read(self, folder: Path, n_rows: int) -> None:
        self._index = native.read(folder / "codes.faiss", self._fresh(0.0, 0.0), n_rows)
        if self._index.sq.qtype != native.faiss().ScalarQuantizer.QT_8bit_uniform:
            raise IndexDamaged(f"codes.faiss in {folder} has codes of another kind")


def _trained(index: Any) -> tuple[float, float]:  # noqa: ANN401 - a faiss index
    """Return the lowest number of its codes' range, and the width of the range."""
    low, width = native.faiss().vector_to_array(index.sq.trained).tolist()
    return low, width


def _widened(x: Vectors) -> tuple[float, float]:
    """Return the range of the numbers of ``x``, with a margin; (0, 0) if there are none."""
    if not len(x):
        return 0.0, 0.0
    low, high = float(x.min()), float(x.max())
    room = _MARGIN * (high - low)
    return low - room, high + room
