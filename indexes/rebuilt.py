"""Base of the engines whose libraries can neither grow nor shrink an index."""

from __future__ import annotations

from .staged import StagedIndex
from .types import Ids


class RebuiltIndex(StagedIndex):
    """Base of the engines that can neither grow nor shrink: they are rebuilt, and candidates are scored exactly.

    They have no ``refine_factor``: they rank by true distances, so more candidates than hits would gain nothing.
    """

    grows = shrinks = False
    drift_bound = 1.0
    max_dead_share = 0.5

    def _refines(self) -> bool:
        return True

    def _train_at(self) -> int:
        return 256

    def _engine_compact(self, live: Ids) -> None:
        raise NotImplementedError("the engine cannot shrink: it is rebuilt")
