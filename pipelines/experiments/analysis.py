"""Compare every configuration with the baseline, and estimate the effect of each field over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.evaluation import Saved
from rag.evaluation.comparison import Comparison, compare, corrected
from rag.retrieval.choices import Value

Parts = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of one value of a field against the baseline's value.

    Attributes
    ----------
    part, value, against
        The part, the value, and the baseline's.
    pairs
        Pairs of configurations that differ in this part alone.
    comparison
        Over questions, each question's value being the mean over those pairs; Holm's correction over all effects.
    """

    part: str
    value: Value | None
    against: Value | None
    pairs: int
    comparison: Comparison


def against_baseline(
    saved: Mapping[str, Saved], baseline: str, metric: str, *, lower: bool = False, seed: int = 0
) -> dict[str, Comparison]:
    """Compare every configuration with the baseline, with Holm's correction; empty where the baseline failed.

    ``lower``: less is better.
    """
    if baseline not in saved:
        return {}
    base = saved[baseline].values(metric)
    names = [name for name in saved if name != baseline and set(base) & set(saved[name].values(metric))]
    found = [_compared(saved[name].values(metric), base, (metric, lower), (name, baseline), seed) for name in names]
    return dict(zip(names, corrected(found), strict=True))


def effects(
    saved: Mapping[str, Saved],
    parts: Mapping[str, Parts],
    baseline: Parts,
    metric: str,
    *,
    lower: bool = False,
    seed: int = 0,
) -> list[Effect]:
    """Return the effect of every value of every varied part.

    Two configurations that are equal but for one part make a pair: one with the value, one with the baseline's. Means
    are taken over pairs within each question, so that the test pairs questions.
    """
    values = {name: own.values(metric) for name, own in saved.items()}
    by_parts = {_key(own): name for name, own in parts.items()}
    found: list[tuple[str, Value | None, int, Comparison]] = []
    for part, base in baseline.items():
        others = dict.fromkeys(own[part] for own in parts.values() if own[part] != base)
        for value in others:
            pairs = [
                (values[name], values[by_parts[twin]])
                for name, own in parts.items()
                if own[part] == value and (twin := _key({**own, part: base})) in by_parts
            ]
            means = [_mean([pair[side] for pair in pairs]) for side in (0, 1)]
            if pairs and set(means[0]) & set(means[1]):
                names = (f"{part}={value}", f"{part}={base}")
                found.append((part, value, len(pairs), _compared(means[0], means[1], (metric, lower), names, seed)))
    after = corrected([each[3] for each in found])
    return [
        Effect(part, value, baseline[part], pairs, own)
        for (part, value, pairs, _), own in zip(found, after, strict=True)
    ]


def _compared(
    system: Mapping[str, float],
    base: Mapping[str, float],
    metric: tuple[str, bool],
    names: tuple[str, str],
    seed: int,
) -> Comparison:
    return compare(system, base, metric=metric[0], names=names, lower=metric[1], seed=seed)


def _mean(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean by question, of the questions that all of them hold."""
    shared = set.intersection(*(set(own) for own in values)) if values else set()
    first = values[0] if values else {}
    return {q: sum(own[q] for own in values) / len(values) for q in first if q in shared}


def _key(parts: Parts) -> tuple[tuple[str, Value | None], ...]:
    return tuple(parts.items())
