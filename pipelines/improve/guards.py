"""Guards: what a change may not make worse, whatever else it makes better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rag.evaluation.comparison import compare
from rag.evaluation.metrics.registry import lower_is_better

if TYPE_CHECKING:
    from ..experiments.results import Result

GUARDED = ("context_recall", "context_precision_weighted")
"""Share of what is relevant that is found, and how much of what is read before it is not."""
ANSWERED = "abstention_accuracy"
"""Share of questions that are answered where there is an answer, and not where there is none."""
SLACK = 0.02
"""A mean that is lower by no more, or by no more than one question, is the same unless that is beyond chance."""
TIMES, FLOOR_MS = 3.0, 250.0
"""A question may take three times as long, or a quarter of a second more, whatever is longer: times are noisy."""


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard.

    Attributes
    ----------
    name
        The metric, or ``p50_ms``: the median time of a question.
    before, after
        Under the present pipeline, and under the proposed one.
    fell
        It is worse by more than `SLACK`, or by anything beyond chance; a time: by more than is allowed.
    """

    name: str
    before: float
    after: float
    fell: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def guards(before: Result, after: Result, *, seed: int, timed: bool) -> list[Guard]:
    """Return the guards on the same questions under two pipelines, one row each."""
    ours, theirs = (next(iter(result.saved.values())) for result in (before, after))
    found = []
    for name in (each for each in (*GUARDED, ANSWERED) if ours.values(each)):
        own = compare(theirs.values(name), ours.values(name), metric=name, lower=lower_is_better(name), seed=seed)
        mean = sum(ours.values(name).values()) / len(ours.values(name))
        surely = own.p is not None and own.p < 0.05 and own.difference < 0
        found.append(
            Guard(name, mean, mean + own.difference, fell=surely or own.difference < -max(SLACK, 1 / own.n) - 1e-9)
        )
    return [*found, *(_time(before, after) if timed else ())]


def _time(before: Result, after: Result) -> list[Guard]:
    ours, theirs = (result.baseline.latency.get("p50_ms") for result in (before, after))
    if ours is None or theirs is None:
        return []
    return [Guard("p50_ms", ours, theirs, fell=theirs > max(TIMES * ours, ours + FLOOR_MS))]
