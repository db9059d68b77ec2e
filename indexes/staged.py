"""Bases of the engines that must be trained, cannot grow, cannot filter, or score by estimate.

- Rows that the engine cannot take are *young*: plain vectors, scanned exactly. There are not enough to train on yet,
  or the engine cannot grow, or they do not fit what it has learned (see `indexes.drift`).
- When many are young the engine is built anew, from the vectors if it has them. One that keeps only codes learns the
  young ones apart: what is coded already stays as it is, as coding it twice would lose recall.
- If the engine cannot filter, more hits are requested and the rest dropped; a small allowed set is scanned.
- With ``refine``, plain vectors of all rows are kept too, and the engine's candidates are scored exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import files, scan
from .drift import Fit
from .errors import IndexDamaged
from .files import Folder
from .inner_product import Lift
from .learning import LearningIndex
from .matrix import Matrix
from .places import Places
from .rows import Keep
from .types import Ids, Scores, Vectors

_GROWN = 1.05
"""``optimize`` builds anew what has grown by a twentieth since it was learned from."""
_FEW = 10
"""Candidates are refined for at least this many hits: for the best one alone, there would be too few."""


class StagedIndex(LearningIndex):
    """Base of the engines that are built from a mass of vectors."""

    # ---- rows come and go -------------------------------------------------------------------------------------

    def _build(self, items: Vectors) -> None:
        self._held, self._places, self._later = 0, Places(), []
        self._young, self._young_places = Matrix(self.dim), Places()
        if self._plain is not None:
            self._plain.replace(items)
        rows = np.arange(len(items))
        if len(items) >= self._train_at():
            rows = self._learn(items, rows)
        if len(rows):
            self._young.replace(items[rows])
            self._young_places = Places(rows)

    def _append(self, items: Vectors) -> None:
        rows = np.arange(self._count(), self._count() + len(items))
        if self._plain is not None:
            self._plain.append(items)
        if self._trained and self.grows:
            items, rows = self._taken(items, rows)
        if len(rows):
            self._young.append(items)
            self._young_places.append(rows)
            self._relearn()
        elif self._has_vectors() and self._full():
            self._build_anew(np.arange(self._count()))

    def _taken(self, x: Vectors, rows: Ids) -> tuple[Vectors, Ids]:
        """Add what fits to the engines, that learned last first; return the rest."""
        for part in [*self._parts()][::-1]:
            if not self._has_vectors() and part._full():
                continue
            strange = part._take(x, rows)
            x, rows = x[strange], rows[strange]
            if not len(rows):
                break
        return x, rows

    def _relearn(self) -> None:
        """Learn again if enough vectors are young."""
        n = len(self._young)
        if n < self._train_at() or n <= self.drift_bound * (self._count() - n):
            return
        if not self._trained or self._has_vectors():
            self._build_anew(np.arange(self._count()))
        else:
            self._learn_apart()

    def _sibling(self) -> StagedIndex:
        """Return an empty index with the same parameters."""
        return type(self)(
            self.dim, metric=self.metric, seed=self.seed, build=self.build_params, search=self.search_params
        )

    def _learn_apart(self) -> None:
        part = self._sibling()
        x, rows = self._young.rows, self._young_places.rows
        rest = part._learn(x, rows)
        self._later.append(part)
        young = Matrix(self.dim)
        young.replace(x[rest])
        self._young, self._young_places = young, Places(rows[rest])

    def _build_anew(self, rows: Ids) -> None:
        self._build(self._vectors(rows))

    def _compact(self, live: Ids) -> None:
        if not self.shrinks:
            self._build_anew(live)
            return
        for part in [*self._parts()]:
            part._shrink(live)
        self._later = [part for part in self._later if part._held]
        found = self._young_places.find(live)
        self._young.compact(found[found >= 0])
        self._young_places = Places(np.flatnonzero(found >= 0))
        if self._plain is not None:
            self._plain.compact(live)

    def _tidy(self) -> None:
        if not self._trained:
            return
        if self._has_vectors():
            if self.learns and self._count() > self._learned_from * (1.0 if len(self._young) else _GROWN):
                self._build_anew(np.arange(self._count()))
        elif len(self._young) >= self._train_at():
            self._learn_apart()

    # ---- searching --------------------------------------------------------------------------------------------

    def _search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        if self._held == self._rows.n_rows:  # as nearly always
            return self._candidates(self, q, k, params, keep)
        if not self._trained:
            ids, longest = self._rows.by_row, self._longest or np.inf
            return scan.exact(q, self._young.rows, k, self.metric, ids=ids, longest=longest, keep=keep)
        found = [self._no_hits(q)]
        for part in self._parts():
            mine = part._places.keep(keep)
            if mine is None or len(mine):
                scores, rows = self._candidates(part, q, k, params, mine)
                found.append((scores, part._places.of(rows)))
        found.append(self._scan_young(q, k, self._young_places.keep(keep)))
        return _merged(found, k)

    def _scan_young(self, q: Vectors, k: int, keep: Keep | None) -> tuple[Scores, Ids]:
        rows = np.arange(len(self._young)) if keep is None else keep.rows
        if not len(rows):
            return self._no_hits(q)
        scores, found = scan.blocks(q, self._young.rows.__getitem__, rows, min(k, len(rows)), self.metric)
        return scores, self._young_places.of(found)

    @staticmethod
    def _no_hits(q: Vectors) -> tuple[Scores, Ids]:
        return np.empty((len(q), 0), np.float32), np.empty((len(q), 0), np.int64)

    def _scan(self, q: Vectors, k: int, eligible: Ids) -> tuple[Scores, Ids]:
        if self._plain is not None or not self._trained:
            return super()._scan(q, k, eligible)
        found = [self._no_hits(q)]
        for part in self._parts():
            rows = part._places.find(eligible)
            rows = rows[rows >= 0]
            if len(rows):
                scores, at = part._engine_scan(q, min(k, len(rows)), rows)
                found.append((scores, part._places.of(at)))
        young = self._young_places.find(eligible)
        found.append(self._scan_young(q, k, Keep(young[young >= 0], len(self._young))))
        return _merged(found, k)

    def _candidates(
        self,
        part: LearningIndex,
        q: Vectors,
        k: int,
        params: Any,  # noqa: ANN401 - as above
        keep: Keep | None,
    ) -> tuple[Scores, Ids]:
        """Search one engine, with its filter or by requesting more, and refine the candidates if wanted."""
        wanted = k
        if self._plain is not None:
            wanted = max(max(k, _FEW) * getattr(params, "refine_factor", 1), getattr(params, "candidates", 0))
        fetch = wanted
        native = keep is None or self.filters == "native"
        if keep is not None and not native:
            fetch = int(1.2 * wanted * keep.n_rows / max(len(keep), 1)) + 16
        fetch = min(fetch, part._held)
        scores, rows = part._engine_search(q, fetch, params, keep if native else None)
        if native and self._plain is None and not scan.unfilled(rows):
            return scores, rows
        bad = rows < 0
        if keep is not None and not native:
            bad |= ~keep.mask[rows]
        if bad.any():
            scores[bad], rows[bad] = -np.inf, -1
        if self._plain is not None:
            scores = scan.rescore(q, self._plain.rows, part._places.of(rows), self.metric)
        elif not bad.any():
            return scores[:, :k], rows[:, :k]
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: Any) -> bool:  # noqa: ANN401, ARG002 - as above
        return self._trained and n_allowed < 0.05 * self._rows.n_rows

    def _vectors(self, rows: Ids) -> Vectors:
        if self._plain is not None:
            return self._plain.rows[rows]
        if not self._trained:
            return self._young.rows[rows]
        if self._places.plain and len(rows) and int(rows.max()) < self._held:
            return self._engine_vectors(rows)
        out = np.empty((len(rows), self.dim), np.float32)
        for part in self._parts():
            at = part._places.find(rows)
            if (at >= 0).any():
                out[at >= 0] = part._engine_vectors(at[at >= 0])
        if len(self._young):
            at = self._young_places.find(rows)
            out[at >= 0] = self._young.rows[at[at >= 0]]
        return out

    # ---- files ------------------------------------------------------------------------------------------------

    def _bytes(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for part in self._parts():
            for name, size in {**part._engine_bytes(), "places": part._places.nbytes}.items():
                total[name] = total.get(name, 0) + size
        plain = 0 if self._plain is None else self._plain.nbytes
        return {**total, "young": self._young.nbytes + self._young_places.nbytes, "plain": plain}

    def _write(self, folder: Path) -> None:
        files.write_array(folder / "young.npy", self._young.rows)
        if self._plain is not None:
            files.write_array(folder / "plain.npy", self._plain.rows)
        if not self._trained:
            return
        files.write_array(folder / "young_places.npy", self._young_places.rows)
        parts = [*self._parts()]
        files.write_array(folder / "learned.npy", np.array([part._facts() for part in parts], np.float64))
        for i, part in enumerate(parts):
            place = _place(folder, i)
            part._engine_write(place)
            if part._fit.groups.size:
                files.write_array(place / "groups.npy", part._fit.groups)
            if not part._places.plain:
                files.write_array(place / "places.npy", part._places.rows)

    def _read(self, folder: Path, n_rows: int) -> None:
        if (folder / "young.npy").exists():  # hnsw and sq had none before drift was watched
            self._young.adopt(files.read_array(folder / "young.npy", np.float32, (None, self.dim)))
        if len(self._young) > n_rows:
            raise IndexDamaged(f"young.npy in {folder} holds more rows than the index")
        if self._plain is not None:
            self._plain.adopt(files.read_array(folder / "plain.npy", np.float32, (n_rows, self.dim)))
        learned = _learned(folder, n_rows - len(self._young))
        for i, (held, *counts, usual, limit) in enumerate(learned):
            part = self if not i else self._sibling()
            place = _place(folder, i)
            part._places = Places(_read_places(place / "places.npy", held, n_rows))
            part._held, (part._learned_from, part._learned_left) = held, counts
            groups = place / "groups.npy"
            part._fit = Fit(usual, files.read_array(groups, np.float64, (2, None)) if groups.exists() else None)
            part._lift = Lift(limit) if self._is_lifted else None
            if self._lift is not None and self._plain is not None and limit == np.inf:
                self._lift = Lift.of(self._plain.rows[:held])
            part._engine_read(place, held)
            if i:
                self._later.append(part)
        self._young_places = Places(_read_places(folder / "young_places.npy", len(self._young), n_rows, n_rows))
        x = self._young.rows if self._plain is None else self._plain.rows
        self._longest = float(np.einsum("ij,ij->i", x, x).max(initial=0))
        every = np.concatenate([p._places.rows for p in (*self._parts(),)] + [self._young_places.rows])
        if len(every) != n_rows or not np.array_equal(np.sort(every), np.arange(n_rows)):
            raise IndexDamaged(f"the places of the rows in {folder} do not agree")


def _merged(found: list[tuple[Scores, Ids]], k: int) -> tuple[Scores, Ids]:
    best = found[0]
    for other in found[1:]:
        best = scan.merge(best, other, k)
    missing = k - best[0].shape[1]
    if missing <= 0:
        return best
    shape = (len(best[0]), missing)
    return scan.merge(best, (np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)), k)


def _place(folder: Path, part: int) -> Folder:
    """Return where a part's files are: the first one's have the names that the engine gives them."""
    return files.Prefixed(folder, f"later{part}-") if part else folder


def _learned(folder: Path, n_held: int) -> list[tuple[int, int, int, float, float]]:
    """Return the facts of each part."""
    if not n_held:
        return []
    if not (folder / "learned.npy").exists():  # as saved before drift was watched
        return [(n_held, n_held, n_held, np.inf, np.inf)]
    table = files.read_array(folder / "learned.npy", np.float64, (None, 5))
    parts = [(int(a), int(b), int(c), float(usual), float(limit)) for a, b, c, usual, limit in table]
    if sum(held for held, *_ in parts) != n_held or any(held <= 0 for held, *_ in parts):
        raise IndexDamaged(f"learned.npy in {folder} does not agree with the number of rows")
    return parts


def _read_places(path: Path, n: int, n_rows: int, end: int | None = None) -> Ids:
    """Return the places of ``n`` rows; without a file the first ones, or the last ones before ``end``."""
    if not path.exists():
        return np.arange(n) if end is None else np.arange(end - n, end)
    places = files.read_array(path, np.int64, (n,))
    if n and (int(places[0]) < 0 or int(places[-1]) >= n_rows or (np.diff(places) <= 0).any()):
        raise IndexDamaged(f"{path.name} does not hold ascending rows")
    return np.asarray(places, np.int64)
