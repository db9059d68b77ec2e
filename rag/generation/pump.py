"""A generator that runs ahead in a thread of its own: who reads its pieces slowly, or not at all, holds up nobody."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

from ..deadlines import LEFT_BEHIND
from ..errors import OutOfTime

Whole = TypeVar("Whole")


def pumped(
    pieces: Generator[str, None, Whole], cancel: Callable[[], object], *, left: Callable[[], float] = lambda: math.inf
) -> Generator[str, None, Whole]:
    """Yield what another generator yields, and return what it returns; whoever closes this one calls ``cancel``.

    Parameters
    ----------
    left
        Seconds that are left for all of it.

    Raises
    ------
    OutOfTime
        No piece came in that time; the other generator may go on unseen.
    """
    ready: queue.SimpleQueue[str | Future[Whole]] = queue.SimpleQueue()
    end: Future[Whole] = Future()

    def write() -> None:
        try:
            while True:
                ready.put(next(pieces))
        except StopIteration as stop:
            end.set_result(stop.value)
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            end.set_exception(error)
        ready.put(end)

    threading.Thread(target=write, name=LEFT_BEHIND, daemon=True).start()
    try:
        while not isinstance(item := _next(ready, left()), Future):
            yield item
        return item.result()
    finally:
        cancel()


def _next(ready: queue.SimpleQueue[str | Future[Whole]], seconds: float) -> str | Future[Whole]:
    try:
        return ready.get(timeout=None if seconds == math.inf else seconds)
    except queue.Empty:
        raise OutOfTime(f"nothing came in {seconds:.3g} s") from None
