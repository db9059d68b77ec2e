"""What the engines that learn from their vectors implement and declare."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from . import drift, inner_product, scan
from .dense_index import DenseIndex
from .drift import Described, Fit
from .files import Folder
from .inner_product import Lift
from .matrix import Matrix
from .places import Places
from .rows import Keep
from .types import Ids, Scores, Traits, Vectors

_OUTGROWN = 2.0
"""An index should be built anew, when that costs no search, if it has grown to twice what it learned from."""


class LearningIndex(DenseIndex):
    """State, methods to implement and traits of `indexes.staged.StagedIndex`, which says when they are called.

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
    unseen_bound: float = 0.25
    """An engine that keeps codes only should be built anew if it did not learn from this share of its rows."""
    max_dead_share = 0.05

    def __init__(self, dim: int, **options: Any) -> None:  # noqa: ANN401 - those of DenseIndex
        super().__init__(dim, **options)
        self._held = 0
        self._places = Places()
        self._fit = Fit()
        self._lift: Lift | None = None
        self._learned_from = self._learned_left = 0  # rows, and those of them that are still there: the first ones
        self._later: list[LearningIndex] = []
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
            outgrown = self._count() - seen > self.unseen_bound * self._count()
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

    def _parts(self) -> Iterator[LearningIndex]:
        """Yield what has an engine, first learned first."""
        if self._held:
            yield self
        yield from self._later

    def _count(self) -> int:
        return sum(part._held for part in self._parts()) + len(self._young)

    # ---- its own engine ---------------------------------------------------------------------------------------

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
        described = self._engine_describe(_some(taken, self._n_groups()))
        self._fit = Fit.of(described, len(taken), self._n_groups())
        return np.flatnonzero(~fits)

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
            if not self.learns:  # what came later is described as well as the first
                self._learned_from = self._learned_left = self._held
        return strange

    def _shrink(self, live: Ids) -> None:
        found = self._places.find(live)
        places = np.flatnonzero(found >= 0)
        self._learned_left = int((found[places] < self._learned_left).sum())
        if 0 < len(places) < self._held:
            self._engine_compact(found[places])
        self._held, self._places = len(places), Places(places)

    def _facts(self) -> tuple[float, ...]:
        """Return the rows, those that were learned from and are left of them, the usual error, the lift's limit."""
        limit = self._lift.limit if self._lift else 0.0
        return self._held, self._learned_from, self._learned_left, self._fit.usual, limit


def _some(x: Vectors, groups: int = 0) -> Vectors:
    return np.ascontiguousarray(x[drift.sample(len(x), groups)])
