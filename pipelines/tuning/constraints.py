"""What a configuration must meet, and by how much it does not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rag.errors import InvalidInput

from ..benchmark.results import Row

_TINY = 1e-12
"""In the place of 0, so that a factor can be worked out."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Limits on a configuration.

    Attributes
    ----------
    recall
        At least; on the queries that the tuner chooses by, and again on those held out.
    max_memory
        At most so many bytes, by the index's own account; None for no limit.
    max_p99
        At most so many seconds for all but one in a hundred queries, asked one at a time.
    min_adds
        At least so many vectors added a second.
    """

    recall: float = 0.95
    max_memory: int | None = None
    max_p99: float | None = None
    min_adds: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.recall <= 1:
            raise InvalidInput(f"--recall {self.recall}: a share between 0 and 1, such as 0.95")
        for name, value in (("max-memory", self.max_memory), ("max-p99", self.max_p99), ("min-adds", self.min_adds)):
            if value is not None and value <= 0:
                raise InvalidInput(f"--{name} must be more than 0")

    def missed(self, row: Row, recall: float) -> tuple[Miss, ...]:
        """Return the constraints that a row does not meet; ``recall`` is that of the tuning queries.

        A figure that is not known breaks nothing.
        """
        adds = (row["churn"] or {}).get("adds_per_s")
        p99 = None if row["p99_ms"] is None else row["p99_ms"] / 1000
        figures = (
            ("recall", recall, self.recall, -1),
            ("max-memory", row["memory_bytes"], self.max_memory, 1),
            ("max-p99", p99, self.max_p99, 1),
            ("min-adds", adds, self.min_adds, -1),
        )
        known = (
            Miss(name, value, limit, (max(value, _TINY) / limit) ** power)
            for name, value, limit, power in figures
            if value is not None and limit is not None
        )
        return tuple(miss for miss in known if miss.factor > 1)


@dataclass(frozen=True, slots=True)
class Miss:
    """A constraint that is not met.

    Attributes
    ----------
    constraint
        Its name.
    value, limit
        What was measured and what was asked for: a share, bytes, seconds, or vectors a second.
    factor
        How many times the limit it is, or the limit it; more than 1.
    """

    constraint: str
    value: float
    limit: float
    factor: float


@dataclass(frozen=True, slots=True)
class Short:
    """A configuration that does not meet all constraints, and which it misses."""

    spec: str
    recall: float
    missed: tuple[Miss, ...]

    @property
    def distance(self) -> tuple[int, float]:
        """How far from the constraints: how many are missed, and by what factor in all."""
        return len(self.missed), math.prod(miss.factor for miss in self.missed)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def nearest(found: Iterable[Short]) -> list[Short]:
    """Return what comes nearest: for each constraint the one that misses it least and misses no other.

    Where every configuration misses several, the one that misses fewest.
    """
    ordered = sorted(found, key=lambda each: each.distance)
    best: dict[str, Short] = {}
    for each in ordered:
        if len(each.missed) == 1:
            best.setdefault(each.missed[0].constraint, each)
    return list(best.values()) or ordered[:1]
