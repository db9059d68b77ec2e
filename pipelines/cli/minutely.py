"""A line a minute for work that nobody watches on a terminal: in a log, long work is never silent."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

EVERY_S = 60.0
_HOUR, _MINUTE = 3600, 60


class Told:
    """How far some work is, as a progress bar is told."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._done: float = 0
        self._total: float | None = None
        self._doing = ""

    def update(
        self, *, completed: float | None = None, total: float | None = None, description: str = "", **_: object
    ) -> None:
        """Take what a progress bar is told."""
        self._done = self._done if completed is None else completed
        self._total = self._total if total is None else total
        self._doing = description or self._doing

    def line(self) -> str:
        """Return how far it is, and about how long it still takes."""
        elapsed = time.monotonic() - self._start
        said = [f"{duration(elapsed)}: {f'{self._done:,.10g}' if self._done or self._total else 'working'}"]
        if self._total:
            said[0] += f" of {self._total:,.10g}"
            if 0 < self._done < self._total:
                said.append(f"about {duration(elapsed / self._done * (self._total - self._done))} left")
        return ", ".join([*said, *filter(None, [self._doing])])


def duration(seconds: float) -> str:
    """Return a time for people: 40 s, 12 min, 3.5 h."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"


@contextmanager
def a_line_a_minute() -> Iterator[Callable[..., None]]:
    """Write a line to stderr every minute, by a thread of its own: also while no step ends.

    Yields
    ------
    function
        Takes what a progress bar is told: ``completed``, ``total``, ``description``.
    """
    told, ended = Told(), threading.Event()

    def tell() -> None:
        from ..plain_text import one_line

        while not ended.wait(EVERY_S):
            with suppress(OSError, ValueError):  # nobody reads it any more
                sys.stderr.write(f"{one_line(told.line())}\n")
                sys.stderr.flush()

    thread = threading.Thread(target=tell, name="a line a minute", daemon=True)
    thread.start()
    try:
        yield told.update
    finally:
        ended.set()
        thread.join()
