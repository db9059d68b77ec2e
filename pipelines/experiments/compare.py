"""Compare two runs of experiments, configuration by configuration."""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import InvalidInput
from rag.evaluation.comparison import Comparison, compare, corrected
from rag.evaluation.metrics.registry import lower_is_better

from .results import Result


@dataclass(frozen=True)
class Compared:
    """Two results compared.

    Attributes
    ----------
    metric
        What is compared.
    comparisons
        The second result's configuration against the first one's of the same name, Holm-corrected over all.
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

    Where both hold one configuration, these are compared whatever their names.

    Raises
    ------
    InvalidInput
        They were asked different questions, or have nothing in common.
    """
    if first.card["questions"]["digest"] != second.card["questions"]["digest"]:
        raise InvalidInput("the two experiments asked different questions; only the same questions can be compared")
    wanted = metric or first.metric
    pairs = [(name, name) for name in first.saved if name in second.saved]
    if not pairs and len(first.saved) == len(second.saved) == 1:
        pairs = [(next(iter(first.saved)), next(iter(second.saved)))]
    if not pairs:
        raise InvalidInput("the two experiments have no configuration in common")
    lower = lower_is_better(wanted)
    found = [
        compare(
            second.saved[b].values(wanted),
            first.saved[a].values(wanted),
            metric=wanted,
            names=(b, a),
            lower=lower,
            seed=first.card["seed"],
        )
        for a, b in pairs
    ]
    shared = {name for pair in pairs for name in pair}
    return Compared(
        wanted,
        tuple(corrected(found)),
        tuple(name for name in first.saved if name not in shared),
        tuple(name for name in second.saved if name not in shared),
        tuple(_notes(first, second)),
    )


def _notes(first: Result, second: Result) -> list[str]:
    a, b = first.card, second.card
    notes = []
    if a["corpus"]["digest"] != b["corpus"]["digest"]:
        notes.append("the corpora differ")
    if a["code"] != b["code"]:
        notes.append(f"the code differs: {a['code']} and {b['code']}")
    if a["machine"]["cpu"] != b["machine"]["cpu"]:
        notes.append("the machines differ: compare no times")
    return notes
