"""One configuration that the tuner tries: found by climbing an arm, measured, and checked against the constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from indexes.spec import Parameters

from ..benchmark.measurement import MeasuredIndex
from ..benchmark.results import Row
from .constraints import Miss
from .search_space import Arm

_DOUBLING = 4
_LEVEL = 0.003
"""If doubling the effort gains less recall than this, more effort will not help."""

_TIMES_LEVEL = 2
_FAR = 0.02


@dataclass(slots=True)
class Trial:
    """A configuration and its figures.

    Attributes
    ----------
    arm, rung
        The arm and its rung; ``arm.rungs[rung]`` are the search parameters.
    index
        The measured index.
    recall, held_out
        Recall on the queries that the tuner chooses by, and on the held-out ones.
    row
        Figures of the rounds so far.
    missed
        Constraints that are missed.
    """

    arm: Arm
    rung: int
    index: MeasuredIndex
    recall: float
    held_out: float
    row: Row = field(default_factory=dict)
    missed: tuple[Miss, ...] = ()

    @property
    def search(self) -> Parameters:
        """The search parameters."""
        return self.arm.rungs[self.rung]

    @property
    def spec(self) -> str:
        """The spec, as for `indexes.dense`."""
        return self.arm.task.configuration(self.search)

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of the missed constraints; ``failed`` if it could not be measured."""
        return ("failed",) if self.row.get("error") else tuple(miss.constraint for miss in self.missed)

    @property
    def qps(self) -> float:
        """Queries per second, all in one call; 0 if it could not be measured."""
        return float(self.row.get("qps") or 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return the main figures, for JSON."""
        kept = ("qps", "qps_spread", "qps_one_by_one", "p50_ms", "p95_ms", "p99_ms", "build_s", "memory_bytes",
                "disk_bytes", "load_s", "churn", "note")  # fmt: skip
        figures = {name: self.row.get(name) for name in kept}
        return {"spec": self.spec, "recall": self.recall, "held_out_recall": self.held_out, **figures,
                "breaks": list(self.broken)}  # fmt: skip


def climb(arm: Arm, recall_at: Callable[[int], float | None], target: float) -> tuple[int | None, float]:
    """Find the least effort at which an arm reaches a recall.

    Parameters
    ----------
    arm
        Build whose recall rises along its rungs.
    recall_at
        Returns the recall at a rung; None if it failed.
    target
        The recall wanted.

    Returns
    -------
    rung, best
        The rung and its recall; None and the best recall seen if the target is out of reach.
    """
    last = len(arm.rungs) - 1
    below, rung, best = -1, arm.start, 0.0
    before: float | None = None
    level = 0
    while True:
        recall = recall_at(rung)
        if recall is None:
            return None, best
        best = max(best, recall)
        if recall >= target:
            break
        gained_little = before is not None and recall - before < _LEVEL and target - recall > _FAR
        level = level + 1 if gained_little else 0  # once is not enough: annoy's least efforts all look at the same few
        if rung == last or level == _TIMES_LEVEL:
            return None, best
        below, before, rung = rung, recall, min(rung + _DOUBLING, last)
    while rung - below > 1:
        middle = (below + rung) // 2
        recall = recall_at(middle)
        if recall is None or recall < target:
            below = middle
        else:
            rung = middle
    return rung, best
