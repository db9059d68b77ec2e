"""Exact search: every vector is compared with every query, by faiss's kernels over one array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import files
from .dense_index import DenseIndex
from .faiss_library import faiss, inner_products
from .matrix import Matrix
from .rows import Keep
from .scan import FEW_DEAD, exact
from .types import Ids, Scores, Traits, Vectors


class FlatIndex(DenseIndex):
    """Exact search; the oracle of all others.

    A removed row is hidden by asking for one hit more, and when 128 are dead they are thrown out in one go.
    """

    name = "flat"
    settles_ties = True
    learns = False

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        faiss()  # if it is missing, say so now
        self._x = Matrix(self.dim)

    @property
    def traits(self) -> Traits:
        """Exact and exhaustive."""
        return Traits(exact=True, exhaustive=True, recall_floor=1.0)

    def _build(self, items: Vectors) -> None:
        self._x.replace(items)

    def _append(self, items: Vectors) -> None:
        self._x.append(items)

    def _compact(self, live: Ids) -> None:
        self._x.compact(live)

    def _too_many_dead(self) -> bool:
        return self._rows.n_dead > FEW_DEAD

    def _search(self, q: Vectors, k: int, params: object, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ARG002 - there are none
        return exact(q, self._x.rows, k, self.metric, ids=self._rows.by_row, longest=self._longest, keep=keep)

    def _scores(self, q: Vectors, rows: Ids) -> Scores | None:
        return inner_products(q, self._x.rows.take(rows, axis=0)) if len(q) == 1 and self.metric != "l2" else None

    def _vectors(self, rows: Ids) -> Vectors:
        return self._x.rows[rows]

    def _bytes(self) -> dict[str, int]:
        return {"vectors": self._x.nbytes}

    def _write(self, folder: Path) -> None:
        files.write_array(folder / "vectors.npy", self._x.rows)

    def _read(self, folder: Path, n_rows: int) -> None:
        x = files.read_array(folder / "vectors.npy", np.float32, (n_rows, self.dim))
        self._x.adopt(x)
        self._longest = float(np.einsum("ij,ij->i", x, x).max(initial=0))
