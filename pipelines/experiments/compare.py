"""Compare two runs of experiments, configuration by configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass

from rag.errors import InvalidInput
from rag.evaluation.comparison import Comparison, compare, corrected

from .results import Result, Row


@dataclass(frozen=True)
class Compared:
    """Two results compared.

    Attributes
    ----------
    metric
        What is compared.
    comparisons
        The second result's configuration against the first one's that is the same, Holm-corrected over all.
    only_first, only_second
        Configurations that only one of them has figures for.
    notes
        What else differs: data, code, machine.
    """

    metric: str
    comparisons: tuple[Comparison, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    notes: tuple[str, ...]


def compare_results(first: Result, second: Result, *, metric: str | None = None) -> Compared:
    """Compare two results.

    Configurations are the same where all their values are, and the contents of the files that these name, whatever the
    experiments vary and call them. Where both results hold one configuration, these are compared whatever they are.
    Rows that rest on failures take no part.

    Raises
    ------
    InvalidInput
        They were asked different questions, judged otherwise, or have nothing in common.
    """
    wanted = metric or first.metric
    _refuse_others(first, second, wanted)
    ours, theirs = _by_configuration(first), _by_configuration(second)
    pairs = [(name, theirs[key]) for key, name in ours.items() if key in theirs]
    sides = (first.sound, second.sound)
    if not pairs and all(len(side) == 1 for side in sides):
        pairs = [(next(iter(sides[0])), next(iter(sides[1])))]
    if not pairs:
        raise InvalidInput("the two experiments have no configuration in common that has figures in both")
    lower = first.lower_is_better(wanted)
    found = [
        compare(
            sides[1][b].values(wanted),
            sides[0][a].values(wanted),
            metric=wanted,
            names=(b, a),
            lower=lower,
            seed=first.card["seed"],
        )
        for a, b in pairs
    ]
    in_first, in_second = {a for a, _ in pairs}, {b for _, b in pairs}
    return Compared(
        wanted,
        tuple(corrected(found)),
        tuple(name for name in sides[0] if name not in in_first),
        tuple(name for name in sides[1] if name not in in_second),
        tuple(_notes(first, second)),
    )


def _refuse_others(first: Result, second: Result, metric: str) -> None:
    a, b = first.card["questions"], second.card["questions"]
    if a["digest"] != b["digest"]:
        raise InvalidInput("the two experiments asked different questions; only the same questions can be compared")
    if a["level"] != b["level"]:
        raise InvalidInput(
            f"one experiment judges by {a['level']}, the other by {b['level']}; their figures differ in kind"
        )
    if first.card.get("own_metrics", {}).get(metric) != second.card.get("own_metrics", {}).get(metric):
        raise InvalidInput(
            f"{metric} is a metric of your own whose code or parameters differ between the two; run again"
        )
    for result, which in ((first, "first"), (second, "second")):
        if not any(metric in own.scores for own in result.saved.values()):
            raise InvalidInput(f"the {which} experiment did not measure {metric}; run it with the same metrics")


def _by_configuration(result: Result) -> dict[str, str]:
    """Return the name of each sound row by the digest of its configuration."""
    return {_configuration(row): row.name for row in result.rows if row.name in result.sound}


def _configuration(row: Row) -> str:
    """Return the digest of a row's configuration; of its values alone where an earlier version wrote the row."""
    return row.pipeline.get("configuration") or json.dumps(dict(row.parts), sort_keys=True, default=list)


def _notes(first: Result, second: Result) -> list[str]:
    a, b = first.card, second.card
    notes = []
    if a["corpus"]["digest"] != b["corpus"]["digest"]:
        notes.append("the corpora differ: some difference may be theirs")
    if a.get("definitions") != b.get("definitions"):
        notes.append("one was measured by a version that defines some metrics otherwise; run it again")
    if a["code"] != b["code"]:
        notes.append(f"the code differs: {a['code']} and {b['code']}")
    if a["machine"]["cpu"] != b["machine"]["cpu"]:
        notes.append("the machines differ: compare no times")
    for result, which in ((first, "first"), (second, "second")):
        if unsound := sum(not row.sound for row in result.rows):
            notes.append(f"{unsound} rows of the {which} failed or rest on failures: left out")
    return notes
