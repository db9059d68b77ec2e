"""How long something may take in all."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock; infinity: no limit."""

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline that many seconds from now; None: none.

        Raises
        ------
        InvalidInput
            The number is not positive.
        """
        if seconds is None:
            return cls(math.inf, math.inf)
        if not seconds > 0:
            raise InvalidInput(f"deadline={seconds!r}: give a positive number of seconds, or None for no limit")
        return cls(seconds, time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.left == 0.0

    def __str__(self) -> str:
        return f"the deadline of {self.seconds:.3g} s"
