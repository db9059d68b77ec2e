"""Bases of the engines that must be trained, cannot grow, cannot filter, or score by estimate.

- Rows that the engine cannot take are *young*: plain vectors, scanned exactly. There are not enough to train on yet,
  or the engine cannot grow, or they do not fit what it has learned (see `indexes.drift`).
- When many are young the engine is built anew, from the vectors if it has them. One that keeps only codes learns the
  young ones apart: what is coded already stays as it is, as coding it twice would lose recall.
- If the engine cannot filter, more hits are requested and the rest dropped; a small allowed set is scanned.
- With ``refine``, plain vectors of all rows are kept too, and the engine's candidates are scored exactly.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from . import drift, files, inner_product, scan
from .dense_index import DenseIndex
from .drift import Described, Fit
from .errors import IndexDamaged
from .files import Folder
from .inner_product import Lift
from .matrix import Matrix
from .places import Places
from .rows import Keep
from .types import Ids, Scores, Traits, Vectors

_OUTGROWN, _UNSEEN = 2.0, 0.25
"""An index should be built anew, when that costs no search, if it has grown to twice what it learned from; one that
keeps codes only, if it did not learn from a quarter of its rows."""
_GROWN = 1.05
"""``optimize`` builds anew what has grown by a twentieth since it was learned from."""
_FEW = 10
"""Candidates are refined for at least this many hits: for the best one alone, there would be too few."""


class StagedIndex(DenseIndex):
    """Base of the engines that are built from a mass of vectors.

    ``_held`` rows are in this object's own engine, at ``_places``; those of ``_later`` were learned apart; the others
    are young. The engine's own methods see engine rows only.
    """

    grows: ClassVar[bool] = True
    """Whether a built engine can add rows."""
    shrinks: ClassVar[bool] = True
    """Whether a built engine can drop rows; else it is built anew."""
    lifts: ClassVar[bool] = False
    """Whether the engine sees lifted vectors (see `indexes.inner_product`) where the metric is ``ip``."""
    filters: ClassVar[Literal["native", "overfetch"]] = "overfetch"
    drift_bound: ClassVar[float] = 0.2
    max_dead_share = 0.05

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._held = 0
        self._places = Places()
        self._fit = Fit()
        self._lift: Lift | None = None
        self._learned_from = self._learned_left = 0  # rows, and those of them that are still there: the first ones
        self._later: list[StagedIndex] = []
        self._young = Matrix(self.dim)
        self._young_places = Places()
        self._plain = Matrix(self.dim) if self._refines() else None

    # ---- for engines to implement -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def recall_floor(self) -> float:
        """The recall@10 at default parameters that the contract's tests demand."""

    @property
    def scores_exactly(self) -> bool:
        """Whether the engine's own scores are exact, and its vectors too."""
        return False

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
    def _engine_write(self, folder: Folder) -> None:
        """Write the files of a built engine."""

    @abstractmethod
    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        """Read what ``_engine_write`` wrote; raise ``IndexDamaged`` if it does not have ``n_rows`` rows."""

    def _engine_append(self, x: Vectors) -> None:
        """Add vectors; called only if the engine grows."""
        raise NotImplementedError

    def _engine_vectors(self, rows: Ids) -> Vectors:
        """Return the vectors of engine rows; called only if the engine does not refine."""
        raise NotImplementedError

    def _engine_scan(self, q: Vectors, k: int, rows: Ids) -> tuple[Scores, Ids]:
        """Score these engine rows; called only if the engine does not refine."""
        return scan.blocks(q, self._engine_vectors, rows, k, self.metric)

    def _engine_describe(self, x: Vectors) -> Described | None:  # noqa: ARG002 - for engines to override
        """Return how a built engine describes these vectors; None if it describes all alike."""
        return None

    def _n_groups(self) -> int:
        """Return the number of groups that ``_engine_describe`` tells apart."""
        return 0

    def _beyond(self, x: Vectors) -> NDArray[np.bool_] | None:
        """Return which vectors a built engine cannot describe at all; None for none."""
        return None if self._lift is None else self._lift.too_long(x)

    def _odd(self, x: Vectors) -> NDArray[np.bool_] | None:
        """Return the few vectors that would spoil what is learned from all of these; None for none."""
        return inner_product.odd(x) if self._is_lifted else None

    def _full(self) -> bool:
        """Return whether a built engine has grown so far that it should learn again."""
        return False

    @property
    def traits(self) -> Traits:
        """The traits that the class declares; scores are also exact if plain vectors are kept."""
        return Traits(
            exact=self.scores_exactly or self._refines(),
            remove="native" if self.grows and self.shrinks else "tombstones",
            filter=self.filters,
            add="native" if self.grows else "buffer",
            recall_floor=self.recall_floor,
            train_at=self._train_at(),
            drift_bound=self.drift_bound,
            relearns="anew" if self._has_vectors() else "apart",
        )

    @property
    def drifted(self) -> bool:
        """Whether more rows than ``traits.drift_bound`` do not fit what was learned first."""
        apart = len(self._young) + sum(part._held for part in self._later)
        if self._has_vectors():
            outgrown = self._held > _OUTGROWN * self._learned_from
        else:
            seen = sum(part._learned_left for part in self._parts())
            outgrown = self._count() - seen > _UNSEEN * self._count()
        return self._trained and self.grows and (outgrown or apart > self.drift_bound * (apart + self._held))

    @property
    def _is_lifted(self) -> bool:
        return self.lifts and self.metric == "ip"

    @property
    def _width(self) -> int:
        """Length of the vectors that the engine sees."""
        return self.dim + self._is_lifted

    def _lifted(self, x: Vectors) -> Vectors:
        """Return vectors as the engine sees them."""
        return x if self._lift is None else self._lift.vectors(x)

    def _lifted_queries(self, q: Vectors) -> Vectors:
        return q if self._lift is None else self._lift.queries(q)

    def _refines(self) -> bool:
        """Return whether plain vectors are kept to score candidates exactly."""
        return bool(getattr(self.build_params, "refine", False))

    def _has_vectors(self) -> bool:
        return self._refines() or self.scores_exactly

    @property
    def _trained(self) -> bool:
        return self._held > 0 or bool(self._later)

    def _parts(self) -> Iterator[StagedIndex]:
        """Yield what has an engine, first learned first."""
        if self._held:
            yield self
        yield from self._later

    def _count(self) -> int:
        return sum(part._held for part in self._parts()) + len(self._young)

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

    def _learn(self, x: Vectors, rows: Ids) -> Ids:
        """Build the engine from vectors and their rows; return the positions of those that it cannot take."""
        odd = self._odd(x)
        fits = np.ones(len(x), np.bool_) if odd is None else ~odd
        if fits.all():
            taken = x
        else:
            taken, rows = x[fits], rows[fits]
        self._lift = Lift.of(taken) if self._is_lifted else None
        self._engine_build(taken)
        self._held = self._learned_from = self._learned_left = len(taken)
        self._places = Places(rows)
        self._fit = Fit.of(self._engine_describe(_some(taken)), len(taken), self._n_groups())
        return np.flatnonzero(~fits)

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

    def _take(self, x: Vectors, rows: Ids) -> NDArray[np.bool_]:
        """Add what fits to this engine; return which vectors do not."""
        strange = np.zeros(len(x), np.bool_)
        if (beyond := self._beyond(x)) is not None:
            strange |= beyond
        some = _some(x)
        if (described := self._engine_describe(some)) is not None:
            found, weight = self._fit.strange(described, len(x) / len(some)), len(x) / len(some)
            if found.any() and len(some) < len(x):
                described, weight = self._engine_describe(x) or described, 1.0
                found = self._fit.strange(described)
            if len(found) == len(x):
                strange |= found
                described = described.of(~strange)
            self._fit.took(described, weight)
        if not strange.all():
            fits = ~strange
            taken, places = (x, rows) if fits.all() else (x[fits], rows[fits])
            self._engine_append(taken)
            self._held += len(taken)
            self._places.append(places)
        return strange

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

    def _shrink(self, live: Ids) -> None:
        found = self._places.find(live)
        places = np.flatnonzero(found >= 0)
        self._learned_left = int((found[places] < self._learned_left).sum())
        if 0 < len(places) < self._held:
            self._engine_compact(found[places])
        self._held, self._places = len(places), Places(places)

    def _tidy(self) -> None:
        if not self._trained:
            return
        if self._has_vectors():
            if self._count() <= self._learned_from * (1.0 if len(self._young) else _GROWN):
                return
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

    def _candidates(self, part: StagedIndex, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - as above
        """Search one engine, with its filter or by requesting more, and refine the candidates if wanted."""
        wanted = max(k, _FEW) * getattr(params, "refine_factor", 1) if self._plain is not None else k
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

    def _facts(self) -> tuple[float, ...]:
        """Return the rows, those that were learned from and are left of them, the usual error, the lift's limit."""
        limit = self._lift.limit if self._lift else 0.0
        return self._held, self._learned_from, self._learned_left, self._fit.usual, limit

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
        self._young.replace(files.read_array(folder / "young.npy", np.float32, (None, self.dim)))
        if len(self._young) > n_rows:
            raise IndexDamaged(f"young.npy in {folder} holds more rows than the index")
        if self._plain is not None:
            self._plain.replace(files.read_array(folder / "plain.npy", np.float32, (n_rows, self.dim)))
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


def _some(x: Vectors) -> Vectors:
    return np.ascontiguousarray(x[drift.sample(len(x))])


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


class RebuiltIndex(StagedIndex):
    """Base of the engines that can neither grow nor shrink: they are rebuilt, and candidates are scored exactly.

    They have no ``refine_factor``: they rank by true distances, so more candidates than hits would gain nothing.
    """

    grows = shrinks = False
    drift_bound = 1.0
    max_dead_share = 0.5

    @property
    def _is_lifted(self) -> bool:
        return self.lifts and self.metric == "ip"

    @property
    def _width(self) -> int:
        """Length of the vectors that the engine sees."""
        return self.dim + self._is_lifted

    def _lifted(self, x: Vectors) -> Vectors:
        """Return vectors as the engine sees them."""
        return x if self._lift is None else self._lift.vectors(x)

    def _lifted_queries(self, q: Vectors) -> Vectors:
        return q if self._lift is None else self._lift.queries(q)

    def _refines(self) -> bool:
        return True

    def _train_at(self) -> int:
        return 256

    def _engine_compact(self, live: Ids) -> None:
        raise NotImplementedError("the engine cannot shrink: it is rebuilt")
