"""Out-of-distribution queries in the benchmark: true neighbours, how far off they lie, figures of a row."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from indexes import Ids

from ..datasets import VectorData
from .distances import of_rows
from .distribution_shift import Shift, shift_of
from .ground_truth import Truth, truth_of
from .recall import Quality, interval, quality, rows_of


@dataclass(frozen=True, slots=True)
class OodQueries:
    """Queries of another distribution than the base, beside the data's own.

    Attributes
    ----------
    data
        The base, with these queries as its queries.
    name
        Where they come from.
    truth
        Their true neighbours.
    shift
        How far off they lie.
    """

    data: VectorData
    name: str
    truth: Truth
    shift: Shift

    @classmethod
    def of(cls, data: VectorData, own: Truth, k: int, seed: int) -> OodQueries | None:
        """Return those of the data, if it has some; ``own`` has the true neighbours of its other queries."""
        asked = data.of_ood
        if asked is None:
            return None
        truth = truth_of(asked, k)
        nearest = own.distances[:, 0], truth.distances[:, 0]
        shift = shift_of(data.base, data.queries, asked.queries, metric=data.metric, nearest=nearest, seed=seed)
        return cls(asked, data.ood_name, truth, shift)

    def judged(self, found: Ids) -> Quality:
        """Compare ids found with the truth."""
        rows = rows_of(found, self.data.ids)
        distances = of_rows(self.data.base, self.data.queries, rows, self.data.metric)
        return quality(rows, distances, self.truth.rows, self.truth.distances)

    def described(self) -> dict[str, Any]:
        """Return what the rows say of them."""
        return {"name": self.name, "n_queries": len(self.data.queries), "shift": asdict(self.shift)}


def ood_figures(rounds: Sequence[tuple[float, float]], recall: float, data: VectorData) -> dict[str, Any]:
    """Return recall and speed over the rounds, and by how much the recall is lower than that of the data's queries."""
    lowest = min(found for found, _ in rounds)
    speeds = [qps for _, qps in rounds]
    n = 0 if data.ood is None else len(data.ood)
    return {
        "recall": lowest,
        "recall_interval": list(interval(lowest, n)),
        "gap": recall - lowest,
        "gap_interval": list(gap_interval(recall, len(data.queries), lowest, n)),
        "qps": statistics.median(speeds),
    }


def gap_interval(first: float, n_first: int, second: float, n_second: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two recalls: Newcombe's, from Wilson's interval of each.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions", 1998, method 10.
    """
    low, high = interval(first, n_first)
    other_low, other_high = interval(second, n_second)
    gap = first - second
    return gap - math.hypot(first - low, other_high - second), gap + math.hypot(high - first, second - other_low)
