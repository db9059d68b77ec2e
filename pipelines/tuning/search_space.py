"""What the tuner tries of each engine: a build, and one parameter of searching along which recall rises.

``first`` are tried of every engine, ``more`` only of the engines that did best. An engine without a row is built with
its defaults, and its first whole-numbered search parameter is taken for the one along which recall rises.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from indexes.registry import engine
from indexes.spec import Parameters, Value

from ..benchmark.sweep import BuildTask

Values = Mapping[str, Value]
_STEPS_PER_DOUBLING = 4


@dataclass(frozen=True)
class Arm:
    """One build, searched with more and more effort.

    Attributes
    ----------
    task
        What to build.
    rungs
        Parameters of searching by rising effort; one where the engine has none to vary.
    start
        Where to begin: the rung next to the engine's own default.
    """

    task: BuildTask
    rungs: tuple[Parameters, ...]
    start: int


@dataclass(frozen=True)
class _Way:
    first: tuple[Values, ...] = ({},)
    more: tuple[Values, ...] = ()
    fixed: Values = dataclasses.field(default_factory=dict)
    effort: str = ""
    low: int = 1
    high: int = 4096


_WAYS: dict[str, tuple[_Way, ...]] = {
    "annoy": (_Way(({"n_trees": 20},), ({"n_trees": 50}, {"n_trees": 100}), effort="search_k", low=50, high=100_000),),
    "flann": (_Way(({},), ({"branching": 16}, {"branching": 64}), effort="checks", low=16, high=65_536),),
    "flat": (_Way(),),
    "hnsw": (
        _Way(
            first=({"M": 16}, {"M": 32}),
            more=(
                {"M": 8},
                {"M": 16, "ef_construction": 300},
                {"M": 24, "ef_construction": 200},
                {"M": 16, "storage": "sq8"},
                {"M": 32, "storage": "sq8"},
                {"M": 8, "storage": "sq8"},
            ),
            effort="ef",
            low=8,
            high=2048,
        ),
    ),
    "ivf": (_Way(({},), ({"nlist": 64}, {"nlist": 256}, {"nlist": 1024}), effort="nprobe", high=512),),
    "ivfpq": (
        _Way(effort="nprobe", high=512),
        _Way(
            first=({"fast_scan": True, "refine": True},),
            more=(
                {"fast_scan": True, "refine": True, "nlist": 256},
                {"fast_scan": True, "refine": True, "nlist": 1024},
            ),
            fixed={"refine_factor": 8},
            effort="nprobe",
            high=512,
        ),
    ),
    "lsh": (_Way(({"refine": True},), ({"refine": True, "nbits": 256},), effort="refine_factor", high=256),),
    "pq": (
        _Way(
            first=({"refine": True},),
            more=({"refine": True, "nbits": 4},),
            effort="refine_factor",
            high=256,
        ),
    ),
    "rabitq": (
        _Way(more=({"bits": 2}, {"bits": 6}, {"bits": 8}), effort="nprobe", high=512),
        _Way(({"refine": True, "bits": 1},), ({"refine": True},), {"refine_factor": 8}, "nprobe", high=512),
    ),
    "sptag": (_Way(({"neighbours": 16},), ({},), effort="max_check", low=32, high=65_536),),
}


def first_arms(name: str) -> list[Arm]:
    """Return what to try of an engine."""
    return [_arm(name, build, way) for way in _ways(name) for build in way.first]


def more_arms(name: str) -> list[Arm]:
    """Return what else to try of an engine that did well."""
    return [_arm(name, build, way) for way in _ways(name) for build in way.more]


def _ways(name: str) -> tuple[_Way, ...]:
    return _WAYS.get(name) or (_Way(effort=_first_whole(engine(name).Search)),)


def _first_whole(search: type[Parameters]) -> str:
    for field in dataclasses.fields(search):
        if field.default is None or (isinstance(field.default, int) and not isinstance(field.default, bool)):
            return field.name
    return ""


def _arm(name: str, build: Values, way: _Way) -> Arm:
    cls = engine(name)
    task = BuildTask(name, cls.Build().replace(build), ())
    default = cls.Search().replace(way.fixed)
    if not way.effort:
        return Arm(task, (default,), 0)
    efforts = list(_ladder(way.low, way.high))
    usual = getattr(default, way.effort) or 16
    start = min(range(len(efforts)), key=lambda i: abs(efforts[i] - usual))
    return Arm(task, tuple(default.replace({way.effort: effort}) for effort in efforts), start)


def _ladder(low: int, high: int) -> Iterator[int]:
    """Yield whole numbers from ``low`` to ``high``, four to a doubling as far as there are so many."""
    value, exact = low, float(low)
    rungs = []
    while value <= high:
        rungs.append(value)
        exact *= 2 ** (1 / _STEPS_PER_DOUBLING)
        value = max(round(exact), value)
    yield from (a for a, b in pairwise([*rungs, high + 1]) if a != b)
