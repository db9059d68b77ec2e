"""The executor protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """Runs batches of work, some at a time.

    What is submitted depends on its arguments alone and changes nothing, so that a batch whose worker died is done
    again: at least once, and possibly twice.
    """

    @property
    def workers(self) -> int:
        """How many batches it works at."""
        ...

    @property
    def apart(self) -> bool:
        """Whether work is done in other processes, so that its arguments and results travel."""
        ...

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:  # noqa: ANN401 - those of the work
        """Have ``work(*arguments)`` done; work that travels is a function of a module of an installed package."""
        ...

    def close(self) -> None:
        """End all workers; what they were at is lost. May be called twice."""
        ...


def in_order(
    futures: Iterable[Future[T]], ahead: int, on_wait: Callable[[Future[T]], None] = lambda _: None
) -> Iterator[T]:
    """Yield the results of futures in their order, taking up to ``ahead`` of them before the first has its result.

    ``on_wait`` gets each future before its result is taken, and may wait for it in its own way.
    """
    waiting: list[Future[T]] = []
    for future in futures:
        waiting.append(future)
        while len(waiting) > ahead:
            on_wait(waiting[0])
            yield waiting.pop(0).result()
    while waiting:
        on_wait(waiting[0])
        yield waiting.pop(0).result()
