"""Run functions and generators in background threads, with time limits and cancellation.

Python cannot stop a thread. Whatever ends a wait here leaves the work to itself: its result is dropped, and its daemon
thread ends when the work does, or with the process. A process that ends waits a moment for such threads: one that
Python's end meets in C++, in the embedder say, takes the process down with "terminate called".
"""

from __future__ import annotations

import atexit
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import TypeVar

from .errors import Busy, OutOfTime

T = TypeVar("T")
Piece = TypeVar("Piece")
LEFT_BEHIND = "rag-work"
"""How the names of these threads begin. A process that ends must not tear down what they may still be using."""
PATIENCE_S = 5.0
"""Seconds that the end of a process waits for all of them together; one that hangs is not waited for any longer."""
_place: contextvars.ContextVar[_Place | None] = contextvars.ContextVar("place", default=None)
"""The place that the current work has taken, if any; what it starts in the background shares it."""


@atexit.register
def _wait_for_what_is_left() -> None:
    until = time.monotonic() + PATIENCE_S
    for thread in threading.enumerate():
        if thread.name.startswith(LEFT_BEHIND):
            thread.join(max(0.0, until - time.monotonic()))


class Cancellation:
    """Stops everything it watches when it is called, and anything watched later at once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], object]] = []
        self._called = False

    def watch(self, stop: Callable[[], object]) -> None:
        """Have ``stop`` called on cancellation."""
        with self._lock:
            self._stops.append(stop)
            called = self._called
        if called:
            stop()

    @property
    def called(self) -> bool:
        """Whether it has been called."""
        return self._called

    def __call__(self) -> None:
        """Stop everything."""
        with self._lock:
            self._called = True
            stops = tuple(self._stops)
        for stop in stops:
            stop()


def in_background(work: Callable[[], T], *, shares_place: bool = True) -> Future[T]:
    """Start a function in a daemon thread, with the caller's context variables; cancelling the future ends the wait.

    Parameters
    ----------
    work
        The function.
    shares_place
        Whether the place that the caller has of `Places`, if any, stays taken until this thread ends too.
    """
    future: Future[T] = Future()
    context = contextvars.copy_context()
    place = _place.get() if shares_place else None

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            end = partial(future.set_exception, error)
        else:
            end = partial(future.set_result, result)
        if place is not None:  # before the caller wakes up: it may ask for a place at once
            place.left()
        with suppress(InvalidStateError):  # cancelled in the meantime
            end()

    if place is not None:
        place.entered()
    try:
        threading.Thread(target=run, name=LEFT_BEHIND, daemon=True).start()
    except BaseException:  # the system starts no more threads
        if place is not None:
            place.left()
        raise
    return future


class _Place:
    """One of `Places`, free again when the last thread that shares it has ended."""

    def __init__(self, free: Callable[[], object]) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._free = free

    def entered(self) -> None:
        with self._lock:
            self._threads += 1

    def left(self) -> None:
        with self._lock:
            self._threads -= 1
            last = not self._threads
        if last:
            self._free()


class Places:
    """Background threads for so many functions at a time, and no more.

    Parameters
    ----------
    most
        Their number.
    what
        What they do, for the error's text: ``questions are being answered``.
    """

    def __init__(self, most: int, what: str) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._full = f"{most} {what}, as many as are allowed at a time: ask again in a moment"

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Do as `in_background` does; the place is taken until all ends that the function starts in the background.

        The end of a wait, by cancellation or a deadline, frees no place: threads stay bounded if a model is deaf.

        Raises
        ------
        Busy
            No place is free.
        """
        if not self._free.acquire(blocking=False):
            raise Busy(self._full)

        context = contextvars.copy_context()
        context.run(_place.set, _Place(self._free.release))
        return context.run(in_background, work)


def pieces_from(
    start: Callable[[Callable[[Piece], object]], Future[T]],
    cancel: Callable[[], object] = lambda: None,
    *,
    left: Callable[[], float | None] = lambda: None,
) -> Generator[Piece, None, T]:
    """Yield what background work hands over, and return its result; a slow consumer never blocks the work.

    Parameters
    ----------
    start
        Starts the work; it is given the function that takes each piece.
    cancel
        Called when this generator ends or is closed.
    left
        Seconds left for all of it; None for no limit.

    Raises
    ------
    OutOfTime
        No piece came in that time.
    CancelledError
        The future was cancelled.
    """
    ready: queue.SimpleQueue[Piece | Future[T]] = queue.SimpleQueue()
    future = start(ready.put)
    future.add_done_callback(ready.put)
    try:
        while not isinstance(item := _next(ready, left()), Future):
            yield item
        return item.result()
    finally:
        future.cancel()
        cancel()


def pumped(
    pieces: Generator[Piece, None, T],
    cancel: Callable[[], object],
    *,
    left: Callable[[], float | None] = lambda: None,
) -> Generator[Piece, None, T]:
    """Run a generator in a background thread; parameters and errors are those of `pieces_from`."""
    return pieces_from(lambda put: in_background(lambda: drained(pieces, put)), cancel, left=left)


def drained(pieces: Generator[Piece, None, T], put: Callable[[Piece], object] = lambda _: None) -> T:
    """Run a generator to its end, hand over what it yields, and return what it returns."""
    try:
        while True:
            put(next(pieces))
    except StopIteration as end:
        whole: T = end.value
        return whole


def _next(ready: queue.SimpleQueue[Piece | Future[T]], seconds: float | None) -> Piece | Future[T]:
    try:
        return ready.get(timeout=seconds)
    except queue.Empty:
        raise OutOfTime("no piece came before the time was up") from None
