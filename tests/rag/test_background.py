"""Work in background threads: limits, pieces, cancellation."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest
from timing import within as quick

from rag.background import Cancellation, Places, drained, in_background, pieces_from, pumped
from rag.deadlines import Deadline, within
from rag.errors import Busy, InvalidInput, OutOfTime

VARIABLE = contextvars.ContextVar("variable", default="unset")
LONG = 30.0
"""Seconds for what must not be waited for."""


def counting(n: int) -> Generator[int, None, str]:
    yield from range(n)
    return "done"


def collected(pieces: Generator[int, None, str]) -> tuple[list[int], str]:
    got: list[int] = []
    return got, drained(pieces, got.append)


def test_pieces_arrive_in_order_and_the_result_at_the_end() -> None:
    ended = []
    assert collected(pumped(counting(100), lambda: ended.append("ended"))) == (list(range(100)), "done")
    assert ended == ["ended"]


def test_a_slow_or_absent_consumer_never_blocks_the_work() -> None:
    through = threading.Event()

    def work() -> Generator[int, None, str]:
        yield from range(10_000)
        through.set()
        return "done"

    pieces = pumped(work(), lambda: None)
    assert next(pieces) == 0
    assert through.wait(LONG)
    assert collected(pieces)[1] == "done"


@pytest.mark.parametrize("aside", [False, True])
def test_a_place_is_taken_until_the_last_thread_that_shares_it_has_ended(aside: bool) -> None:
    places, release = Places(1, "things are done"), threading.Event()
    inner: list[Future[bool]] = []

    def work() -> None:
        inner.append(in_background(lambda: release.wait(LONG), shares_place=not aside))
        inner[0].cancel()  # ends the wait, not the thread

    for _ in range(3):
        places.start(work).result()
        if not aside:
            with pytest.raises(Busy, match="1 things are done"):
                places.start(work)
            break
    release.set()


def test_a_place_is_free_before_its_future_is_done() -> None:
    places = Places(1, "things are done")
    for _ in range(200):
        assert places.start(lambda: in_background(lambda: 1).result()).result() == 1


def test_errors_are_raised_where_the_result_is_awaited() -> None:
    def work() -> Generator[int, None, str]:
        yield 1
        raise ZeroDivisionError("by zero")

    pieces = pumped(work(), lambda: None)
    assert next(pieces) == 1
    with pytest.raises(ZeroDivisionError):
        next(pieces)
    with pytest.raises(ZeroDivisionError):
        within(LONG, lambda: 1 / 0)
    with pytest.raises(TimeoutError, match="its own"):
        within(LONG, lambda: _raise(TimeoutError("its own")))


def _raise(error: Exception) -> None:
    raise error


def test_no_wait_is_longer_than_its_limit() -> None:
    release = threading.Event()

    def late(action: Callable[[], object]) -> None:
        with pytest.raises(OutOfTime):
            action()

    def hanging() -> Generator[int, None, str]:
        yield 1
        release.wait(LONG)
        return "done"

    def pieces() -> None:
        until = Deadline.after(0.1)
        drained(pumped(hanging(), lambda: None, left=lambda: until.left))

    try:
        for action in (pieces, lambda: within(0.1, release.wait), lambda: Deadline.after(0.1).run(release.wait)):
            quick(0.6, lambda action=action: late(action))
    finally:
        release.set()
    assert within(None, lambda: 3) == Deadline.after(None).run(lambda: 3) == 3


def test_closing_cancels() -> None:
    cancel = Cancellation()
    pieces = pumped(counting(5), cancel)
    next(pieces)
    pieces.close()
    assert cancel.called


def test_cancelling_the_future_ends_the_wait_and_not_the_work() -> None:
    release, finished, waiting = threading.Event(), threading.Event(), threading.Event()
    cancel = Cancellation()

    def start(_: Callable[[int], object]) -> Future[None]:
        def work() -> None:
            waiting.set()
            release.wait(LONG)
            finished.set()

        future = in_background(work)
        cancel.watch(future.cancel)
        return future

    threading.Thread(target=lambda: waiting.wait(LONG) and cancel()).start()
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        drained(pieces_from(start))
    assert time.monotonic() - begun < LONG
    assert not finished.is_set()
    release.set()
    assert finished.wait(LONG)


def test_a_cancellation_stops_what_it_watches_before_and_after() -> None:
    cancel, stopped = Cancellation(), []
    cancel.watch(lambda: stopped.append(1))
    assert not cancel.called
    cancel()
    cancel.watch(lambda: stopped.append(2))
    assert (stopped, cancel.called) == ([1, 2], True)


def test_the_work_has_the_context_of_who_asked() -> None:
    token = VARIABLE.set("set")
    try:
        assert within(LONG, VARIABLE.get) == "set"
    finally:
        VARIABLE.reset(token)


def test_deadlines_are_shared_and_extended() -> None:
    whole = Deadline.after(100)
    assert 49 < whole.share(0.5).left <= 50
    assert whole.share(most=2).left <= 2
    assert 100 < whole.later(5).left <= 105
    assert whole.remaining is not None
    assert Deadline.after(None).remaining is None
    assert Deadline.after(None).later(5).remaining is None
    assert Deadline.after(1e-9).remaining > 0
    assert str(whole) == "the deadline of 100 s"
    with pytest.raises(InvalidInput):
        Deadline.after(0)


ENDING = """
import sys, time
from pathlib import Path
from rag import background
background.PATIENCE_S = float(sys.argv[1])
background.in_background(lambda: (time.sleep(float(sys.argv[2])), Path(sys.argv[3]).write_text("done")))
"""


@pytest.mark.parametrize(("patience", "takes", "done"), [("600", "0.3", True), ("0.1", "600", False)])
def test_the_end_of_a_process_waits_for_what_ends_and_not_for_what_hangs(
    tmp_path: Path, patience: str, takes: str, done: bool
) -> None:
    file = tmp_path / "done"
    subprocess.run([sys.executable, "-c", ENDING, patience, takes, str(file)], check=True, timeout=300)
    assert file.exists() == done
