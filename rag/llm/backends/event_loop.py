"""Run an event loop in a background thread, so that blocking and async callers share connections and time limits.

Each blocking read has a limit of its own; a task of an event loop can be cancelled wherever it waits, so one deadline
covers look-up, connection, headers and a reply that drips.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_starting = threading.Lock()


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine in the background loop; cancelling the future cancels it there."""
    with _starting:
        loop = _loop(os.getpid())  # threads do not live through a fork
    return asyncio.run_coroutine_threadsafe(work, loop)


@cache
def _loop(pid: int) -> asyncio.AbstractEventLoop:  # noqa: ARG001 - the cache's key
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="rag-language-models", daemon=True).start()
    return loop
