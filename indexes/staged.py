"""Bases of the engines that must be trained, cannot grow, cannot filter, or score by estimate.

- Rows that the engine cannot take yet are *young*: plain vectors, scanned exactly, until there are enough to train on
  or until the engine is rebuilt.
- If the engine cannot filter, more hits are requested and the rest dropped; a small allowed set is scanned.
- With ``refine``, plain vectors of all rows are kept too, and the engine's candidates are scored exactly.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from . import files, scan
from .dense_index import DenseIndex
from .errors import IndexDamaged
from .matrix import Matrix
from .rows import Keep
from .types import Ids, Scores, Traits, Vectors

_FEW = 10
"""Candidates are refined for at least this many hits: for the best one alone, there would be too few."""


class StagedIndex(DenseIndex):
    """Base of the engines that are built from a mass of vectors.

    Rows below ``_held`` are in the engine, the others are young. The engine's own methods see engine rows only.
    """

    grows: ClassVar[bool] = True
    """Whether a built engine can add and remove rows."""
    scores_exactly: ClassVar[bool] = False
    """Whether the engine's own scores are exact."""
    filters: ClassVar[Literal["native", "overfetch"]] = "overfetch"
    max_dead_share = 0.05

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._held = 0
        self._young = Matrix(self.dim)
        self._plain = Matrix(self.dim) if self._refines() else None

    # ---- for engines to implement -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def recall_floor(self) -> float:
        """The recall@10 at default parameters that the contract's tests demand."""

    @abstractmethod
    def _train_at(self) -> int:
        """Return the least number of vectors to build from; fewer stay young."""

    @abstractmethod
    def _engine_build(self, x: Vectors) -> None:
        """Train on these vectors and store them as rows 0, 1, 2 ..."""

    @abstractmethod
    def _engine_search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        """Return the best ``k`` engine rows, padded by -1; ``keep`` is None unless the engine filters."""

    @abstractmethod
    def _engine_compact(self, live: Ids) -> None:
        """Drop all engine rows except ``live``, of which there is at least one."""

    @abstractmethod
    def _engine_bytes(self) -> dict[str, int]:
        """Return bytes of memory by part, of a built engine."""

    @abstractmethod
    def _engine_write(self, folder: Path) -> None:
        """Write the files of a built engine."""

    @abstractmethod
    def _engine_read(self, folder: Path, n_rows: int) -> None:
        """Read what ``_engine_write`` wrote; raise ``IndexDamaged`` if it does not have ``n_rows`` rows."""

    def _engine_append(self, x: Vectors) -> None:
        """Add vectors; called only if the engine grows."""
        raise NotImplementedError

    def _engine_vectors(self, rows: Ids) -> Vectors:
        """Return the vectors of engine rows; called only if the engine does not refine."""
        raise NotImplementedError

    @property
    def traits(self) -> Traits:
        """The traits that the class declares; scores are also exact if plain vectors are kept."""
        return Traits(
            exact=self.scores_exactly or self._refines(),
            remove="native" if self.grows else "tombstones",
            filter=self.filters,
            add="native" if self.grows else "buffer",
            recall_floor=self.recall_floor,
        )

    def _refines(self) -> bool:
        """Return whether plain vectors are kept to score candidates exactly."""
        return bool(getattr(self.build_params, "refine", False))

    def _outgrown(self) -> bool:
        """Return whether to rebuild the engine from all rows."""
        return not self.grows and len(self._young) > max(self._train_at(), self._held)

    # ---- rows come and go -------------------------------------------------------------------------------------

    def _build(self, items: Vectors) -> None:
        self._young = Matrix(self.dim)
        if len(items) >= self._train_at():
            self._engine_build(items)
            self._held = len(items)
        else:
            self._held = 0
            self._young.replace(items)
        if self._plain is not None:
            self._plain.replace(items)

    def _append(self, items: Vectors) -> None:
        if self._plain is not None:
            self._plain.append(items)
        if self._held and self.grows:
            self._engine_append(items)
            self._held += len(items)
        else:
            self._young.append(items)
        if self._outgrown() or (not self._held and len(self._young) >= self._train_at()):
            self._build_anew(np.arange(self._held + len(self._young)))

    def _build_anew(self, rows: Ids) -> None:
        self._build(self._vectors(rows))

    def _compact(self, live: Ids) -> None:
        held = live[live < self._held]
        if len(held) < self._held:
            if len(held):
                self._engine_compact(held)
            self._young.compact(live[live >= self._held] - self._held)
            self._held = len(held)
        else:
            self._young.compact(live[len(held) :] - self._held)
        if self._plain is not None:
            self._plain.compact(live)

    def _tidy(self) -> None:
        if self._held and len(self._young):
            self._build_anew(np.arange(self._held + len(self._young)))

    # ---- searching --------------------------------------------------------------------------------------------

    def _search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        if not self._held:
            ids, longest = self._rows.by_row, self._longest or np.inf
            return scan.exact(q, self._young.rows, k, self.metric, ids=ids, longest=longest, keep=keep)
        best = self._candidates(q, k, params, keep)
        if len(self._young):
            rows = np.arange(self._held, self._rows.n_rows) if keep is None else keep.rows[keep.rows >= self._held]
            if len(rows):
                best = scan.merge(best, scan.blocks(q, self._vectors, rows, min(k, len(rows)), self.metric), k)
        return best

    def _candidates(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - as above
        """Search the engine, with its filter or by requesting more, and refine the candidates if wanted."""
        wanted = max(k, _FEW) * getattr(params, "refine_factor", 1) if self._plain is not None else k
        fetch = wanted
        native = keep is None or self.filters == "native"
        if keep is not None and not native:
            fetch = int(1.2 * wanted * keep.n_rows / max(len(keep), 1)) + 16
        fetch = min(fetch, self._held)
        scores, rows = self._engine_search(q, fetch, params, keep if native else None)
        if native and self._plain is None and not scan.unfilled(rows):
            return scores, rows
        bad = rows < 0
        if keep is not None and not native:
            bad |= ~keep.mask[rows]
        if bad.any():
            scores[bad], rows[bad] = -np.inf, -1
        if self._plain is not None:
            scores = scan.rescore(q, self._plain.rows, rows, self.metric)
        elif not bad.any():
            return scores[:, :k], rows[:, :k]
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: Any) -> bool:  # noqa: ANN401, ARG002 - as above
        return self._held > 0 and n_allowed < 0.05 * self._rows.n_rows

    def _vectors(self, rows: Ids) -> Vectors:
        if self._plain is not None:
            return self._plain.rows[rows]
        if not self._held:
            return self._young.rows[rows]
        young = rows >= self._held
        if not young.any():
            return self._engine_vectors(rows)
        out = np.empty((len(rows), self.dim), np.float32)
        out[young] = self._young.rows[rows[young] - self._held]
        out[~young] = self._engine_vectors(rows[~young])
        return out

    # ---- files ------------------------------------------------------------------------------------------------

    def _bytes(self) -> dict[str, int]:
        parts = self._engine_bytes() if self._held else {}
        plain = 0 if self._plain is None else self._plain.nbytes
        return {**parts, "young": self._young.nbytes, "plain": plain}

    def _write(self, folder: Path) -> None:
        files.write_array(folder / "young.npy", self._young.rows)
        if self._plain is not None:
            files.write_array(folder / "plain.npy", self._plain.rows)
        if self._held:
            self._engine_write(folder)

    def _read(self, folder: Path, n_rows: int) -> None:
        self._young.replace(files.read_array(folder / "young.npy", np.float32, (None, self.dim)))
        self._held = n_rows - len(self._young)
        if self._held < 0:
            raise IndexDamaged(f"young.npy in {folder} holds more rows than the index")
        if self._plain is not None:
            self._plain.replace(files.read_array(folder / "plain.npy", np.float32, (n_rows, self.dim)))
        if self._held:
            self._engine_read(folder, self._held)
        x = self._young.rows if self._plain is None else self._plain.rows
        self._longest = float(np.einsum("ij,ij->i", x, x).max(initial=0))


class RebuiltIndex(StagedIndex):
    """Base of the engines that can neither grow nor shrink: they are rebuilt, and candidates are scored exactly.

    They have no ``refine_factor``: they rank by true distances, so more candidates than hits would gain nothing.
    """

    grows = False
    max_dead_share = 0.5

    def _refines(self) -> bool:
        return True

    def _train_at(self) -> int:
        return 256

    def _compact(self, live: Ids) -> None:
        self._build_anew(live)

    def _engine_compact(self, live: Ids) -> None:
        raise NotImplementedError("the engine cannot shrink: it is rebuilt")
