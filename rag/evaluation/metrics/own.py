"""Metrics of one's own: a function of a row, or an object with a name, handed in where names of metrics are given."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from ...components import plugins
from ...errors import InvalidInput, in_words
from ..aggregate import Score
from .cases import Case, Cases, Resources
from .registry import METRICS, Metric, OwnName

RowFunction = Callable[[Case], Any]
"""A function from a row to its value."""


@runtime_checkable
class RowMetric(Protocol):
    """A metric of one's own.

    ``lower`` (less is better), ``top`` (the greatest possible value, where 0 is the least) and ``needs`` (``answer``,
    ``references``) may be attributes too; a function may have them as well.
    """

    name: str
    """In tables."""

    def score(self, row: Case) -> float | bool | Score | None:
        """Return the value of one question; None, or a `Score` with a reason, where it has none."""
        ...


def own_name(given: object, name: str = "") -> OwnName:
    """Return the name of a metric of one's own.

    Parameters
    ----------
    given
        A function of a `Case`, or a `RowMetric`.
    name
        Its name; its own where empty.

    Raises
    ------
    InvalidInput
        It is neither, has no name, or a name that another metric has.
    """
    if isinstance(given, type) or not (callable(given) or isinstance(given, RowMetric)):
        raise InvalidInput(
            f"{given!r} is not a metric: give a name such as nDCG@10, a function of a row, or an object with name and "
            "score(row)"
        )
    said = getattr(given, "name", None)
    found = name or (said if isinstance(said, str) else getattr(given, "__name__", ""))
    if not found or not found.isprintable():
        raise InvalidInput(f"a {type(given).__name__} as metric has no name: give it an attribute `name`, a text")
    if found in METRICS or found in plugins("metric"):
        raise InvalidInput(f"the name {found!r} of a metric is taken; give yours another one")
    lower, top = bool(getattr(given, "lower", False)), getattr(given, "top", -math.inf)
    needs = frozenset(getattr(given, "needs", ()))
    if unknown := needs - _NEEDS:
        raise InvalidInput(f"the metric {found} needs {min(unknown)!r}: it may need {' and '.join(sorted(_NEEDS))}")
    if isinstance(top, bool) or not isinstance(top, int | float) or not (top > 0 or top == -math.inf):
        raise InvalidInput(f"the top of the metric {found} is the greatest value that it can have, not {top!r}")
    of_row: RowFunction = given.score if isinstance(given, RowMetric) else given
    function = functools.partial(_scored, found, of_row, needs)
    line = (getattr(given, "__doc__", None) or "").partition("\n")[0]
    return OwnName(found, Metric(function, line, needs, lower=lower, top=float(top)))


_NEEDS = frozenset({"answer", "references"})


def _scored(name: str, of_row: RowFunction, needs: frozenset[str], cases: Cases, _: Resources) -> list[Score]:
    return [_score(name, of_row, needs, case) for case in cases]


def _score(name: str, of_row: RowFunction, needs: frozenset[str], case: Case) -> Score:
    if case.outcome.error:
        return Score(0.0, case.outcome.error, failed=True)
    if "references" in needs and not case.question.answers:
        return Score(None, "no reference answer")
    try:
        value = of_row(case)
    except Exception as error:
        raise InvalidInput(f"the metric {name} fails on question {case.question.id!r}: {in_words(error)}") from error
    if isinstance(value, Score):
        return value
    if value is None:
        return Score(None, f"{name} has no value for it")
    if not isinstance(value, numbers.Real) and not hasattr(value, "__float__"):
        raise InvalidInput(f"the metric {name} must return a number or None, not a {type(value).__name__}")
    return Score(float(value))
