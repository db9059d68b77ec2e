"""Two runs of the same task side by side: what has become better, what worse, and what is only noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rag.errors import InvalidInput

from .results import TASK, Row

_RECALL = 0.002
"""Recall that differs by less is called the same; builds on several threads differ that much."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One configuration in both runs.

    Attributes
    ----------
    recall
        Of the second minus that of the first.
    qps, memory, build
        The second over the first.
    p99
        The same of the latency.
    verdict
        ``faster``, ``slower`` or ``same`` (the rounds of both overlap), after ``better`` or ``worse`` recall if that
        differs; or which one failed.
    """

    spec: str
    recall: float | None
    qps: float | None
    p99: float | None
    memory: float | None
    build: float | None
    verdict: str


@dataclass(slots=True)
class Comparison:
    """Two runs.

    Attributes
    ----------
    differences
        Configurations that both have.
    only_first, only_second
        Specs that one has alone.
    notes
        What makes them hard to compare: other machines, other versions.
    """

    differences: list[Difference] = field(default_factory=list)
    only_first: list[str] = field(default_factory=list)
    only_second: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return asdict(self)


def compare(first: Sequence[Row], second: Sequence[Row]) -> Comparison:
    """Compare two runs, configuration by configuration.

    Raises
    ------
    InvalidInput
        They are of different data, or another k.
    """
    a, b = first[0], second[0]
    if a["data"]["digest"] != b["data"]["digest"]:
        raise InvalidInput(f"the runs are of different data: {a['data']['name']} and {b['data']['name']}")
    if a["k"] != b["k"]:
        raise InvalidInput(f"the runs ask for different numbers of neighbours: {a['k']} and {b['k']}")
    before, after = ({row["spec"]: row for row in rows} for rows in (first, second))
    return Comparison(
        [_difference(before[spec], after[spec]) for spec in before if spec in after],
        [spec for spec in before if spec not in after],
        [spec for spec in after if spec not in before],
        _notes(a, b),
    )


def _difference(before: Row, after: Row) -> Difference:
    failed = [name for name, row in (("first", before), ("second", after)) if row["error"]]
    if failed:
        return Difference(before["spec"], None, None, None, None, None, f"failed in the {' and the '.join(failed)}")
    recall = after["recall"] - before["recall"]
    words = ["better recall," if recall > _RECALL else "worse recall,"] if abs(recall) > _RECALL else []
    return Difference(
        before["spec"],
        recall,
        after["qps"] / before["qps"],
        after["p99_ms"] / before["p99_ms"],
        after["memory_bytes"] / max(before["memory_bytes"], 1),
        after["build_s"] / before["build_s"],
        " ".join([*words, _speed(before["qps_rounds"], after["qps_rounds"])]),
    )


def _speed(before: Sequence[float], after: Sequence[float]) -> str:
    """Call it a difference only where every round of one is on the same side of every round of the other."""
    if min(after) > max(before):
        return "faster"
    return "slower" if max(after) < min(before) else "same"


def _notes(a: Row, b: Row) -> list[str]:
    notes = []
    if (a["machine"]["cpu"], a["machine"]["cores"]) != (b["machine"]["cpu"], b["machine"]["cores"]):
        notes.append("made on different machines: compare recall and memory, not speed")
    changed = _changed(a["versions"], b["versions"])
    if changed:
        notes.append("versions differ: " + ", ".join(changed))
    settings = [name for name in TASK if a.get(name) != b.get(name)]
    if settings:
        notes.append("measured with other settings: " + ", ".join(name.removesuffix("_asked") for name in settings))
    return notes


def _changed(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    names = sorted(a.keys() | b.keys())
    return [f"{name} {a.get(name, 'none')} and {b.get(name, 'none')}" for name in names if a.get(name) != b.get(name)]
