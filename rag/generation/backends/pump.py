"""A generator that runs ahead in a thread of its own: who reads its pieces slowly, or not at all, holds up nobody."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from concurrent.futures import Future

from ..language_model import Completion


def pumped(pieces: Generator[str, None, Completion], cancelled: threading.Event) -> Generator[str, None, Completion]:
    """Yield what another generator yields, and return what it returns; closing this one sets ``cancelled``."""
    ready: queue.SimpleQueue[str | Future[Completion]] = queue.SimpleQueue()
    end: Future[Completion] = Future()

    def write() -> None:
        try:
            while True:
                ready.put(next(pieces))
        except StopIteration as stop:
            end.set_result(stop.value)
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            end.set_exception(error)
        ready.put(end)

    threading.Thread(target=write, daemon=True).start()
    try:
        while not isinstance(item := ready.get(), Future):
            yield item
        return item.result()
    finally:
        cancelled.set()
