"""What a configuration must meet, and by how much it does not."""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import InvalidInput

from ..benchmark.results import Row


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

    def broken(self, row: Row, recall: float) -> tuple[str, ...]:
        """Return the names of the constraints that a row does not meet; ``recall`` is that of the tuning queries."""
        broken = ["recall"] if recall < self.recall else []
        if self.max_memory is not None and row["memory_bytes"] > self.max_memory:
            broken.append("max-memory")
        if self.max_p99 is not None and row["p99_ms"] is not None and row["p99_ms"] > 1000 * self.max_p99:
            broken.append("max-p99")
        adds = (row["churn"] or {}).get("adds_per_s")
        if self.min_adds is not None and adds is not None and adds < self.min_adds:
            broken.append("min-adds")
        return tuple(broken)
