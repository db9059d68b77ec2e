"""Run a function with a time limit, and share one limit among stages."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import InvalidInput, OutOfTime

T = TypeVar("T")
LEFT_BEHIND = "rag-work"
"""How the names of threads begin that nobody may wait for any more; no process may clear up under them at its end."""


def within(seconds: float | None, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise what it raises, at most ``seconds`` from now; None waits for ever.

    Raises
    ------
    OutOfTime
        The work is not done yet. Python cannot stop a thread: a model that hangs keeps one until the process ends.
    """
    if seconds is None:
        return work()
    said: dict[str, Any] = {}

    def run() -> None:
        try:
            said["value"] = work()
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            said["error"] = error

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name=LEFT_BEHIND, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if "error" in said:
        raise said["error"]
    if "value" not in said:
        raise OutOfTime(f"not done after {seconds:.3g} s")
    value: T = said["value"]
    return value


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

    @property
    def remaining(self) -> float | None:
        """Seconds left as models take them: None where there is no limit."""
        return None if self.at == math.inf else self.left

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
            The work was not done in time; see `within`.
        """
        return within(self.remaining, work)

    def __str__(self) -> str:
        return f"the deadline of {self.seconds:.3g} s"
