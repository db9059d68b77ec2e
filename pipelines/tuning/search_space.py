"""The tuner's search space: builds of each engine, and the search parameter along which recall rises.

Both are declared by the engine: see `indexes.spec.Sweeps` and ``effort`` of `indexes.spec.param`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from indexes.registry import engine
from indexes.spec import Parameters, Spec, facts

from ..benchmark.sweep import BuildTask, expanded

_STEPS_PER_DOUBLING = 4


@dataclass(frozen=True)
class Arm:
    """One build and its search parameters by rising effort.

    Attributes
    ----------
    task
        The index to build.
    rungs
        Search parameters by rising effort; only one if the engine has none to vary.
    start
        The rung to begin at: the one closest to the engine's default.
    """

    task: BuildTask
    rungs: tuple[Parameters, ...]
    start: int


def first_arms(name: str) -> list[Arm]:
    """Return the arms to try for every engine."""
    return _arms(name, engine(name).sweeps.first)


def more_arms(name: str) -> list[Arm]:
    """Return further arms to try for an engine that did well."""
    return _arms(name, engine(name).sweeps.more)


def _arms(name: str, sweeps: Iterable[str]) -> list[Arm]:
    return [_arm(spec) for sweep in sweeps for spec in expanded(f"{name}:{sweep}")]


def _arm(spec: Spec) -> Arm:
    task = BuildTask(spec.name, spec.build, ())
    effort, (low, high) = _effort(spec.search)
    if not effort:
        return Arm(task, (spec.search,), 0)
    efforts = list(_ladder(low, high))
    usual = getattr(spec.search, effort) or 16
    start = min(range(len(efforts)), key=lambda i: abs(efforts[i] - usual))
    return Arm(task, tuple(spec.search.replace({effort: value}) for value in efforts), start)


def _effort(search: Parameters) -> tuple[str, tuple[int, int]]:
    """Return the search parameter along which recall rises, and its range; the first whole-numbered one by default."""
    fields = dataclasses.fields(search)
    for field in fields:
        if effort := facts(field)["effort"]:
            return field.name, effort
    whole = (f.name for f in fields if f.default is None or type(f.default) is int)
    return next(whole, ""), (1, 4096)


def _ladder(low: int, high: int) -> Iterator[int]:
    """Yield distinct whole numbers from ``low`` to ``high``, four to a doubling."""
    value, exact = low, float(low)
    rungs = []
    while value <= high:
        rungs.append(value)
        exact *= 2 ** (1 / _STEPS_PER_DOUBLING)
        value = max(round(exact), value)
    yield from (a for a, b in pairwise([*rungs, high + 1]) if a != b)
