"""Work that may take so long and no longer."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .errors import OutOfTime

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
