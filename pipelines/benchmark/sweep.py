"""Sweeps: specs with several values; ``hnsw:M=16..48,ef=32|64`` is every combination of these values.

``a|b|c`` lists values. ``a..b`` doubles from ``a`` up to ``b``, with ``b`` at the end: 16..48 is 16, 32, 48.
``a..b..step`` counts: 10..30..10 is 10, 20, 30.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, cast, get_args

import indexes
from indexes import Spec
from indexes.registry import engine
from indexes.spec import Parameters
from rag.errors import InvalidInput

Item = TypeVar("Item")
Grid = Literal["quick", "full"]
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?")
_MOST = 10_000


@dataclass(frozen=True)
class BuildTask:
    """One index to build, and the search parameters to try.

    Attributes
    ----------
    engine
        Name of the engine.
    build
        Build parameters.
    searches
        Search parameters, one configuration each.
    """

    engine: str
    build: Parameters
    searches: tuple[Parameters, ...]

    @property
    def spec(self) -> str:
        """The spec of the index with default search parameters."""
        return self.configuration(engine(self.engine).Search())

    def configuration(self, search: Parameters) -> str:
        """Return the spec of one configuration, which identifies its row."""
        return str(Spec(self.engine, self.build, search))


def plan(specs: Iterable[str], wanted: Grid | None = None) -> list[BuildTask]:
    """Return the builds and their search parameters, each build once.

    Parameters
    ----------
    specs
        Specs of indexes of vectors, with one or several values for a parameter.
    wanted
        Grid of values for the parameters that a spec leaves open; None for their defaults.

    Raises
    ------
    InvalidInput
        A spec cannot be read, a value is out of range, or the index is one of terms.
    EngineMissing
        The underlying library is not installed.
    """
    tasks: dict[tuple[str, Parameters], dict[Parameters, None]] = {}
    for text in specs:
        for spec in expanded(text, wanted):
            tasks.setdefault((spec.name, spec.build), {})[spec.search] = None
    return [BuildTask(name, build, tuple(searches)) for (name, build), searches in tasks.items()]


def across_engines(tasks: Iterable[BuildTask]) -> list[BuildTask]:
    """Return the builds in an order that takes one of each engine in turn."""
    by_engine: dict[str, list[BuildTask]] = {}
    for task in tasks:
        by_engine.setdefault(task.engine, []).append(task)
    return in_turn(by_engine.values())


def in_turn(groups: Iterable[Iterable[Item]]) -> list[Item]:
    """Return the first item of each group, then the second of each, and so on: A1 B1 C1 A2 C2 ..."""
    rounds = itertools.zip_longest(*groups)
    return [item for each in rounds for item in each if item is not None]


def values(text: str) -> list[str]:
    """Return the values that the right side of ``name=`` expands to."""
    found: list[str] = []
    for part in (p.strip() for p in text.split("|")):
        if not part:
            raise InvalidInput(f"{text!r} has an empty value between bars")
        span = _RANGE.fullmatch(part)
        if span:
            found += _span(part, *span.groups())
        elif ".." in part:
            raise InvalidInput(f"{part!r} is not a range: write first..last, or first..last..step")
        else:
            found.append(part)
    return list(dict.fromkeys(found))


def _span(text: str, first: str, last: str, step: str | None) -> list[str]:
    low, high = float(first), float(last)
    if high < low:
        raise InvalidInput(f"the range {text} runs backwards")
    if step is None and low <= 0 < high:
        raise InvalidInput(f"the range {text} cannot double from {first}: give a step, {first}..{last}..STEP")
    if step is not None and (float(step) <= 0 or (high - low) / float(step) > _MOST):
        raise InvalidInput(f"the step of the range {text} must be larger")
    found, now = [], low
    while now < high:
        found.append(now)
        now = now * 2 if step is None else now + float(step)
    whole = "." not in first + last + (step or "")
    return [str(int(v)) if whole else f"{v:g}" for v in ([*found, high] if step is None or now == high else found)]


def expanded(text: str, wanted: Grid | None = None) -> list[Spec]:
    """Return every combination of the values in a spec; see `plan`."""
    name, _, rest = (part.strip() for part in text.partition(":"))
    if indexes.kind(name) != "dense":
        raise InvalidInput(f"{text!r} is an index of terms; the benchmark measures indexes of vectors")
    given = _choices(rest, text)
    sweeps = getattr(engine(name).sweeps, wanted) if wanted else ("",)
    combined = (_combined(name, _choices(sweep, text) | given, text) for sweep in sweeps)
    return list(dict.fromkeys(itertools.chain.from_iterable(combined)))


def _choices(parameters: str, text: str) -> dict[str, list[str]]:
    choices: dict[str, list[str]] = {}
    for part in filter(None, (p.strip() for p in parameters.split(","))):
        key, equals, right = (s.strip() for s in part.partition("="))
        if not equals or not right:
            raise InvalidInput(f"write {key}=value in the spec {text!r}")
        if key in choices:
            raise InvalidInput(f"{key} is given twice in the spec {text!r}")
        choices[key] = values(right)
    return choices


def _combined(name: str, choices: Mapping[str, list[str]], text: str) -> list[Spec]:
    n = math.prod(map(len, choices.values()))
    if n > _MOST:
        raise InvalidInput(f"{text!r} expands to {n:,} configurations; the limit is {_MOST:,}")
    pairs = (zip(choices, combination, strict=True) for combination in itertools.product(*choices.values()))
    return [indexes.parse(f"{name}:" + ",".join(f"{key}={value}" for key, value in each)) for each in pairs]


def checked_grid(name: str) -> Grid:
    """Return the name of a grid.

    Raises
    ------
    InvalidInput
        There is no grid with this name.
    """
    if name not in get_args(Grid):
        raise InvalidInput(f"--grid {name!r}: give one of {', '.join(get_args(Grid))}")
    return cast("Grid", name)


def installed(dim: int) -> tuple[list[str], dict[str, str]]:
    """Return the engines of vectors that are installed, and for each of the others the reason why it is not usable.

    Parameters
    ----------
    dim
        Length of the vectors; each engine makes an empty index of it.
    """
    usable: list[str] = []
    missing: dict[str, str] = {}
    for name in (name for name, row in indexes.engines.items() if row.family == "dense"):
        try:
            indexes.dense(name, dim)
        except indexes.EngineMissing as error:
            missing[name] = str(error)
            continue
        except indexes.InvalidInput:
            pass  # the engine refuses this dimension; its row will say why
        usable.append(name)
    return usable, missing
