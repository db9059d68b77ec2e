"""A prior on sources: rank passages of some sources higher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..errors import InvalidInput
from .stage import standard


class SourcePrior:
    """Adds a bonus for each source, in standard deviations of the passages' scores.

    Parameters
    ----------
    weights
        Beginnings of source names and their bonus; the longest that fits a source counts. As text:
        ``"handbook/:1|archive/:-0.5"``.

    Raises
    ------
    InvalidInput
        The text cannot be read, or a bonus is not a finite number.
    """

    def __init__(self, *, weights: str | Mapping[str, float]) -> None:
        self.name = "sources"
        self.weights = dict(_read(weights) if isinstance(weights, str) else weights)
        wrong = [name for name, bonus in self.weights.items() if not np.isfinite(bonus)]
        if wrong or not self.weights:
            raise InvalidInput(f"weights={weights!r}: give a finite bonus for each source, such as handbook/:1")

    def score(
        self,
        question: str,  # noqa: ARG002 - a source's worth does not depend on it
        passages: Sequence[Passage],
        *,
        deadline: float | None = None,  # noqa: ARG002 - microseconds
    ) -> NDArray[np.float64]:
        """Return standardised scores plus the bonus: float64, shape (n,)."""
        bonus = np.array([self._worth(passage.source) for passage in passages])
        result: NDArray[np.float64] = standard([p.score for p in passages]) + bonus
        return result

    def _worth(self, source: str) -> float:
        fitting = [name for name in self.weights if source.startswith(name)]
        return self.weights[max(fitting, key=len)] if fitting else 0.0


def _read(text: str) -> dict[str, float]:
    found = {}
    for part in filter(None, text.split("|")):
        name, _, bonus = part.rpartition(":")
        try:
            found[name.strip()] = float(bonus)
        except ValueError:
            raise InvalidInput(f"weights: {part!r} is not SOURCE:NUMBER, such as handbook/:1") from None
    return found
