"""What an experiment would do, and what it could show: said before a question is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes import IndexDamaged
from rag.errors import InvalidInput
from rag.evaluation import Saved
from rag.evaluation.comparison import detectable_difference

from . import stages
from .cache import Cache
from .config import Experiment
from .results import SCORES
from .runner import ORDER, distinct, prepared

SPREADS = (0.1, 0.2, 0.3, 0.4)
"""Standard deviations of a question's difference: .1 where few questions change, .4 where many go from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Power:
    """The least difference that is found four times in five, for one spread.

    Attributes
    ----------
    spread
        Standard deviation over questions of the difference between a row and the baseline.
    alone, corrected
        By a paired test at 5 % of one row, and at the strictest level of Holm's correction over all rows.
    measured
        The spread is that of rows in the cache; an assumption else.
    """

    spread: float
    alone: float
    corrected: float
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment would do.

    Attributes
    ----------
    configurations, questions, comparisons
        How many there are; comparisons are those with the baseline.
    to_do, kept
        Distinct stages by kind.
    powers
        What it could show.
    """

    configurations: int
    questions: int
    comparisons: int
    to_do: Mapping[str, int]
    kept: Mapping[str, int]
    powers: tuple[Power, ...]


def plan(experiment: Experiment, out: str | Path, *, cache: str | Path | None = None) -> Plan:
    """Return what `run` with the same arguments would do; nothing is done.

    Raises
    ------
    InvalidInput
        The data cannot be used.
    """
    started = Path(out) / "cache" if cache is None else Path(cache)
    inputs = prepared(experiment, {}, 1)
    kept = Cache(started.resolve())
    configurations = experiment.configurations()
    every = [stages.keys(inputs, each) for each in configurations]
    tasks = {stage: distinct(stage, configurations, every) for stage in ORDER}
    done = {stage: sum(stages.done(kept, stage, task.keys) for task in own) for stage, own in tasks.items()}
    n, tests = len(inputs.questions), len(configurations) - 1
    spread = _measured_spread(kept, every, experiment.measure.metrics[0])
    spreads = [(spread, True)] if spread else [(each, False) for each in SPREADS]
    return Plan(
        len(configurations),
        n,
        tests,
        {stage: len(own) - done[stage] for stage, own in tasks.items()},
        done,
        tuple(_power(each, measured, n, tests) for each, measured in spreads if n > 1 and tests),
    )


def _power(spread: float, measured: bool, n: int, tests: int) -> Power:
    corrected = detectable_difference(n, spread, level=0.05 / tests)
    return Power(spread, detectable_difference(n, spread), corrected, measured)


def _measured_spread(cache: Cache, every: list[stages.Keys], metric: str) -> float | None:
    """Return the median spread of the differences to the baseline, of rows that are done and differ from it."""
    base = _values(cache, every[0], metric)
    found = []
    for keys in every[1:] if base else ():
        own = _values(cache, keys, metric)
        shared = [q for q in own if q in base]
        differences = np.array([own[q] - base[q] for q in shared])
        if len(differences) > 1 and np.any(differences):
            found.append(float(differences.std(ddof=1)))
    return float(np.median(found)) if found else None


def _values(cache: Cache, keys: stages.Keys, metric: str) -> dict[str, float]:
    try:
        if not stages.done(cache, "run", keys):
            return {}
        cache.facts(SCORES, keys.scores)
        return Saved.load(cache.place(SCORES, keys.scores) / stages.SCORES).values(metric)
    except (IndexDamaged, InvalidInput):
        return {}
