"""The metrics by name, beside those of `rag.evaluation.ranking`: one literal table, each imported on first use."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .aggregate import Failing, Score
from .cases import Cases, Resources
from .ranking import measure

Function = Callable[[Cases, Resources], list[Score]]
Pool = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that is no ranking metric.

    Attributes
    ----------
    home
        ``module:function``; takes all cases and gives one `Score` for each.
    line
        What it is, in a line.
    needs
        ``answer``, ``references``, ``embedder`` or ``judge``: what a row or the call must have.
    lower
        True where lower is better.
    pool
        ``module:function`` of metrics that pool rows: from sums of ``Score.parts`` to values.
    """

    home: str
    line: str
    needs: frozenset[str] = frozenset()
    lower: bool = False
    pool: str = ""

    @property
    def failing(self) -> Failing:
        """What a failed row counts."""
        return "undefined" if self.lower else "zero"

    def function(self) -> Function:
        """Import the function."""
        return cast("Function", _load(self.home))

    def pooling(self) -> Pool | None:
        """Import the pooling function, if there is one."""
        return cast("Pool", _load(self.pool)) if self.pool else None


def _load(home: str) -> object:
    module, name = home.split(":")
    return getattr(importlib.import_module(module, __package__), name)


METRICS: dict[str, Metric] = {
    "context_precision": Metric(".context:context_precision", "share of the retrieved items that are relevant"),
    "context_recall": Metric(".context:context_recall", "share of the relevant items that were retrieved"),
    "context_precision_weighted": Metric(
        ".context:context_precision_weighted", "mean precision at the ranks of relevant items (RAGAS's)"
    ),
    "span_precision": Metric(".spans:span_precision", "share of the retrieved characters that lie in gold spans"),
    "span_recall": Metric(".spans:span_recall", "share of the gold spans' characters that were retrieved"),
    "span_iou": Metric(".spans:span_iou", "characters in both over characters in either"),
}


def check_metric(name: str) -> None:
    """Refuse a name that is neither in the table nor a ranking metric's.

    Raises
    ------
    InvalidInput
        With the nearest name.
    """
    if name in METRICS:
        return
    try:
        measure(name)
    except InvalidInput:
        near = difflib.get_close_matches(name.lower(), METRICS, 1, 0.6)
        if near:
            raise InvalidInput(f"there is no metric {name!r}; did you mean {near[0]}?") from None
        raise


def needs(names: Sequence[str]) -> frozenset[str]:
    """Return what the named metrics need, together."""
    return frozenset(need for name in names if name in METRICS for need in METRICS[name].needs)
