"""Promises about time, measured so that a busy machine breaks none of them and a defect still does.

One measurement says little: this process may stand still for seconds while others run. A defect is late every time.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

TRIES = 5
T = TypeVar("T")


def tried(test: Callable[..., None]) -> Callable[..., None]:
    """Decorate a test that measures time: it fails when it fails in every try, and each try begins anew."""

    @functools.wraps(test)
    def several(*args: Any, **kwargs: Any) -> None:
        for left in reversed(range(TRIES)):
            try:
                return test(*args, **kwargs)
            except Exception:
                if not left:
                    raise
            time.sleep(TRIES - left - 1)  # what else the machine does may be over then
        return None

    return several


def within(seconds: float, action: Callable[[], T]) -> T:
    """Return what `action` gives, from the first try that takes no longer than that."""
    taken: list[float] = []
    for n in range(TRIES):
        time.sleep(n)
        start = time.monotonic()
        given = action()
        taken.append(time.monotonic() - start)
        if taken[-1] < seconds:
            return given
    raise AssertionError(f"each try took longer than {seconds} s: {taken}")


def grows_less(work: Callable[[int], object], small: int, large: int, *, than: float, least: float = 0.005) -> None:
    """Assert that `work(large)` takes less than so many times the processor time of this thread of `work(small)`.

    Of each the least of several rounds counts; less than `least` seconds is too short to be measured.
    """
    work(small)  # what is made on first use
    best = {small: float("inf"), large: float("inf")}
    for _ in range(TRIES):
        for n in (small, large):
            start = time.thread_time()
            work(n)
            best[n] = min(best[n], time.thread_time() - start)
        if best[large] < than * max(best[small], least):
            return
    raise AssertionError(f"{best} s: more than {than} times as much")
