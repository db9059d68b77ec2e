"""Constraints on a configuration, and by how much a configuration misses them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rag.errors import InvalidInput

from ..benchmark.results import Row

_TINY = 1e-12
"""Used instead of 0 to compute a factor."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Limits on a configuration.

    Attributes
    ----------
    recall
        The least recall, on the queries that the tuner chooses by and on the held-out ones.
    max_memory
        The most bytes, by the index's own account; None for no limit.
    max_p99
        The most seconds for the 99th percentile of queries asked one at a time.
    min_adds
        The least number of vectors added a second.
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

        An unknown figure breaks no constraint.
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
        By how much the limit is missed, as a ratio above 1.
    """

    constraint: str
    value: float
    limit: float
    factor: float


@dataclass(frozen=True, slots=True)
class Short:
    """A configuration that misses some constraints."""

    spec: str
    recall: float
    missed: tuple[Miss, ...]

    @property
    def distance(self) -> tuple[int, float]:
        """Distance from the constraints: the number missed, and the product of the factors."""
        return len(self.missed), math.prod(miss.factor for miss in self.missed)


def nearest(found: Iterable[Short]) -> list[Short]:
    """Return the nearest configurations: for each constraint the one that misses it least and misses no other.

    If every configuration misses several, return the one that misses fewest.
    """
    ordered = sorted(found, key=lambda each: each.distance)
    best: dict[str, Short] = {}
    for each in ordered:
        if len(each.missed) == 1:
            best.setdefault(each.missed[0].constraint, each)
    return list(best.values()) or ordered[:1]
