"""Work in this process: one batch at a time, beside the caller."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class ThisProcess:
    """Does work in one thread; the engines that it calls have threads of their own."""

    workers = 1
    apart = False

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="work")

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:  # noqa: ANN401 - those of the work
        """See `Executor.submit`."""
        return self._pool.submit(work, *arguments)

    def close(self) -> None:
        """Wait for the batch that is under way, and drop the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)
