"""Interactions: whether the effect of one field depends on the value of another one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from rag.retrieval.choices import Value

from .results import Result


@dataclass(frozen=True, slots=True)
class Interaction:
    """Means of a metric by the values of two fields.

    Attributes
    ----------
    parts
        The fields.
    means
        Mean over the questions and sound rows that have both values; a pair without a sound row is absent.
    counts
        Those rows.
    strength
        The greatest distance of a mean from what both fields' own effects add up to; 0 says that they do not depend on
        each other. None where a pair is absent.
    """

    parts: tuple[str, str]
    means: Mapping[tuple[Value, Value], float]
    counts: Mapping[tuple[Value, Value], int]
    strength: float | None

    def values(self, at: int) -> list[Value]:
        """Return the values of the first (0) or the second (1) field, in order."""
        return list(dict.fromkeys(pair[at] for pair in self.counts))


def interactions(result: Result) -> list[Interaction]:
    """Return the interaction of each two varied fields, the strongest first.

    Rows that rest on failures take no part. Strengths are descriptive: a test of `Result.effects` says what is chance.
    """
    found = [_interaction(result, parts) for parts in itertools.combinations(result.card["varied"], 2)]
    return sorted(found, key=lambda each: -(each.strength or 0.0))


def _interaction(result: Result, parts: tuple[str, str]) -> Interaction:
    first, second = parts
    cells: dict[tuple[Value, Value], list[float]] = {}
    for row in result.rows:
        own = row.metrics.get(result.metric)
        held = cells.setdefault((row.parts[first], row.parts[second]), [])
        if row.sound and own is not None and own.value is not None:
            held.append(own.value)
    means = {pair: sum(held) / len(held) for pair, held in cells.items() if held}
    counts = {pair: len(held) for pair, held in cells.items()}
    return Interaction(parts, means, counts, _strength(means) if len(means) == len(cells) else None)


def _strength(means: Mapping[tuple[Value, Value], float]) -> float:
    def mean(at: int, value: Value) -> float:
        own = [figure for pair, figure in means.items() if pair[at] == value]
        return sum(own) / len(own)

    whole = sum(means.values()) / len(means)
    return max(abs(figure - mean(0, a) - mean(1, b) + whole) for (a, b), figure in means.items())
