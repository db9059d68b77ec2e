"""A prior on age: rank newer documents higher, as far as relevance allows."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Field, Passage
from ..errors import InvalidInput
from ..knowledge_base import KnowledgeBase
from .stage import standard

_DAY_S = 86_400.0


class RecencyPrior:
    """Adds a bonus that halves with every half_life days of a document's age.

    The bonus is ``weight * 2 ** (-age / half_life)``, in standard deviations of the scores that the passages came with.
    A document without a date gets none, one from the future the whole.

    Parameters
    ----------
    kb
        Knows when documents were modified.
    half_life
        Days.
    weight
        Bonus of a document of today.
    field
        ``modified`` is the file's own time; any other is a metadata field: a year, an ISO date, or seconds since 1970.
    now
        Gives the present in seconds since 1970; for tests.

    References
    ----------
    X. Li and W. B. Croft, "Time-based language models", CIKM 2003 (an exponential prior over age).
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        *,
        half_life: float = 180.0,
        weight: float = 1.0,
        field: str = "modified",
        now: Callable[[], float] = time.time,
    ) -> None:
        if not half_life > 0:
            raise InvalidInput(f"half_life={half_life}: give days above 0")
        self.name = "recency"
        self.half_life = half_life
        self.weight = weight
        self.field = field
        self._kb = kb
        self._now = now

    def score(
        self,
        question: str,  # noqa: ARG002 - age does not depend on it
        passages: Sequence[Passage],
        *,
        deadline: float | None = None,  # noqa: ARG002 - milliseconds
    ) -> NDArray[np.float64]:
        """Return standardised scores plus the bonus: float64, shape (n,)."""
        result: NDArray[np.float64] = standard([p.score for p in passages]) + self._bonus(passages)
        return result

    def _bonus(self, passages: Sequence[Passage]) -> NDArray[np.float64]:
        if self.field == "modified":
            known = self._kb.modified({passage.document for passage in passages})
            moments = [known.get(passage.document) for passage in passages]
        else:
            moments = [moment(passage.metadata.get(self.field)) for passage in passages]
        now = self._now()
        ages = [np.inf if at is None else max(0.0, now - at) / _DAY_S for at in moments]
        return self.weight * np.exp2(-np.asarray(ages) / self.half_life)


def moment(value: Field) -> float | None:
    """Return a metadata value as seconds since 1970; None where it is not a date.

    A number below 10,000 is a year, taken at its middle; a greater one is seconds. Text is an ISO date or a number.
    """
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value <= 0:
        return None
    if value < 10_000:
        return dt.datetime(max(int(value), 1), 7, 1, tzinfo=dt.UTC).timestamp()
    return float(value)


def _of_text(text: str) -> float | None:
    try:
        if text.replace(".", "", 1).isdigit() and len(text) != len("20260131"):
            return moment(float(text))
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()
