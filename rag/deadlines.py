"""Run a function with a time limit, and share one limit among stages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TypeVar

from .background import in_background
from .errors import InvalidInput, OutOfTime

T = TypeVar("T")
_LEAST = 0.001
"""Seconds; models refuse a deadline of 0."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise what it raises, at most ``seconds`` from now; None for no limit.

    Raises
    ------
    OutOfTime
        The work is not done yet; it goes on in its thread, see `rag.background`.
    """
    if seconds is None:
        return work()
    future = in_background(work)
    if not wait([future], max(0.0, seconds)).done:
        raise OutOfTime(f"not done after {seconds:.3g} s")
    return future.result()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock; infinity means no limit."""

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline that many seconds from now; None for no limit.

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

    @property
    def remaining(self) -> float | None:
        """Seconds left as models take them: above 0, and None for no limit."""
        return None if self.at == math.inf else max(self.left, _LEAST)

    def later(self, seconds: float) -> Deadline:
        """Return the same deadline with that many seconds of grace."""
        return Deadline(self.seconds, self.at + seconds)

    def share(self, part: float = 1.0, most: float = math.inf) -> Deadline:
        """Return the deadline of one stage, which may use up a part of what is left, and ``most`` seconds at most.

        Parameters
        ----------
        part
            0 to 1, of the seconds left.
        most
            Seconds; holds without a limit of the whole as well.
        """
        seconds = min(part * self.left, most)
        return Deadline(seconds, time.monotonic() + seconds)

    def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, or raise what it raises.

        Raises
        ------
        OutOfTime
            The work was not done in time, see `within`, or no time was left to begin it.
        """
        if self.passed:
            raise OutOfTime("no time was left for it")
        return within(self.remaining, work)

    def __str__(self) -> str:
        return f"the deadline of {self.seconds:.3g} s"
