"""Comparison of two runs of the same task: what is better, what is worse, and what is noise."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.errors import InvalidInput
from rag.evaluation.comparison import Comparison, compare as paired, corrected

from .findings import mixed
from .results import TASK, Row

_LEVEL = 0.05
_ROUNDS = 4
"""With fewer rounds on each side, no overlap has a chance above 5 %: 1 in 10 with three and three."""

_DRIFT = 1.1
_DRIFT_ROWS = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One configuration in both runs.

    Attributes
    ----------
    recall
        Recall of the second minus recall of the first.
    recall_interval, recall_p
        Its 95 % interval, and p of a paired t test over the queries, two-sided, with Holm's correction over all
        configurations; None if the rows lack per-query figures.
    qps, p99, memory, build
        The second divided by the first.
    verdict
        ``faster``, ``slower``, ``same`` (the rounds of both overlap) or ``too few rounds`` to say, after ``better`` or
        ``worse recall`` if that differs beyond chance; or which one failed.
    """

    spec: str
    verdict: str
    recall: float | None = None
    recall_interval: tuple[float, float] | None = None
    recall_p: float | None = None
    qps: float | None = None
    p99: float | None = None
    memory: float | None = None
    build: float | None = None


@dataclass(slots=True)
class RunComparison:
    """Differences between two runs.

    Attributes
    ----------
    differences
        Configurations that both have.
    only_first, only_second
        Specs that only one run has.
    notes
        Obstacles to a comparison: other machines, other versions.
    """

    differences: list[Difference] = field(default_factory=list)
    only_first: list[str] = field(default_factory=list)
    only_second: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(first: Sequence[Row], second: Sequence[Row]) -> RunComparison:
    """Compare two runs, configuration by configuration.

    Raises
    ------
    InvalidInput
        The runs have different data or another k.
    """
    a, b = first[0], second[0]
    if a["data"]["digest"] != b["data"]["digest"]:
        raise InvalidInput(_how_data_differ(a["data"], b["data"]))
    if a["k"] != b["k"]:
        raise InvalidInput(f"the runs ask for different numbers of neighbours: {a['k']} and {b['k']}")
    before, after = ({row["spec"]: row for row in rows} for rows in (first, second))
    both = [(before[spec], after[spec]) for spec in before if spec in after]
    differences = _differences(both)
    return RunComparison(
        differences,
        [spec for spec in before if spec not in after],
        [spec for spec in after if spec not in before],
        [*_notes(a, b), *_drift(differences)],
    )


def _how_data_differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    for name in ("name", "metric", "n"):
        if a[name] != b[name]:
            return f"the runs are of different data: {name} {a[name]} and {b[name]}"
    if a["n_queries"] != b["n_queries"]:
        return f"the runs ask different queries of {a['name']}: {a['n_queries']} and {b['n_queries']} of them"
    return f"the runs are of different data: {a['name']} has other vectors or queries in the second"


def _differences(pairs: Sequence[tuple[Row, Row]]) -> list[Difference]:
    """Compare rows of the same configuration."""
    tests = [_recall_test(*pair) for pair in pairs]
    known = iter(corrected([test for test in tests if test is not None]))
    return [_difference(*pair, None if test is None else next(known)) for pair, test in zip(pairs, tests, strict=True)]


def _recall_test(before: Row, after: Row) -> Comparison | None:
    """Test the recall of each query; None unless both rows have it."""
    first, second = (row.get("found_per_query") for row in (before, after))
    if first is None or second is None or len(first) != len(second) or len(first) < 2:
        return None
    values = ({str(i): n / row["k"] for i, n in enumerate(row["found_per_query"])} for row in (after, before))
    return paired(*values, metric="recall", test="t")


def _difference(before: Row, after: Row, test: Comparison | None) -> Difference:
    failed = [name for name, row in (("first", before), ("second", after)) if row["error"]]
    if failed:
        return Difference(before["spec"], f"failed in the {' and the '.join(failed)}")
    recall = after["recall"] - before["recall"]
    p = None if test is None else test.p_corrected
    words = [("better" if recall > 0 else "worse") + " recall,"] if recall and p is not None and p < _LEVEL else []
    interval = None if test is None or test.low is None or test.high is None else (test.low, test.high)
    return Difference(
        before["spec"],
        " ".join([*words, _speed(before["qps_rounds"], after["qps_rounds"])]),
        recall,
        interval,
        p,
        after["qps"] / before["qps"],
        after["p99_ms"] / before["p99_ms"],
        after["memory_bytes"] / max(before["memory_bytes"], 1),
        after["build_s"] / before["build_s"],
    )


def _speed(before: Sequence[float], after: Sequence[float]) -> str:
    """Return "faster" or "slower" only if no rounds of the two overlap."""
    if min(after) <= max(before) and max(after) >= min(before):
        return "same"
    if min(len(before), len(after)) < _ROUNDS:
        return "too few rounds"
    return "faster" if min(after) > max(before) else "slower"


def _drift(differences: Sequence[Difference]) -> list[str]:
    """Return a note if nearly everything is faster or slower: that is the machine, not the engines."""
    ratios = [each.qps for each in differences if each.qps is not None]
    if len(ratios) < _DRIFT_ROWS:
        return []
    typical = statistics.median(ratios)
    if 1 / _DRIFT < typical < _DRIFT:
        return []
    busier = "less busy" if typical > 1 else "busier"
    return [f"queries/s are x {typical:.2f} at the median: the machine was {busier}; look for what differs"]


def _notes(a: Row, b: Row) -> list[str]:
    settings = [name.removesuffix("_asked") for name in TASK if a.get(name) != b.get(name)]
    return mixed((a, b)) + ([f"measured with other settings: {', '.join(settings)}"] if settings else [])
