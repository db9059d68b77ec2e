"""Supervised processes: work is done, errors come back, and a worker that ends costs its batch's time only."""

from __future__ import annotations

import math
import operator
import os
import signal
import sys
import threading
import time
from concurrent.futures import CancelledError

import pytest

from rag.errors import ExtraMissing, InvalidInput, WorkerLost
from rag.execution import SupervisedProcesses, ThisProcess, executor
from rag.execution.protocol import in_order


@pytest.fixture
def two():
    made = SupervisedProcesses(2)
    yield made
    made.close()


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_work_is_done_elsewhere_and_errors_come_back_as_they_are(two):
    futures = [two.submit(operator.mul, n, n) for n in range(20)]
    assert [future.result() for future in futures] == [n * n for n in range(20)]
    assert two.submit(os.getpid).result() != os.getpid()
    with pytest.raises(ZeroDivisionError):
        two.submit(operator.truediv, 1, 0).result()
    with pytest.raises(Exception, match=r"lambda|local object"):
        two.submit(lambda: 1).result()
    with pytest.raises(RuntimeError, match="the answer was"):
        two.submit(threading.Lock).result()  # it cannot travel
    assert two.submit(math.sqrt, 4).result() == 2, "it goes on after all of these"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_the_batch_of_a_killed_worker_is_done_again_and_no_other_is_disturbed(two):
    slow = [two.submit(time.sleep, 1.5), two.submit(time.sleep, 1.5)]
    until(lambda: len(two.pids) == 2 and all(future.running() for future in slow))
    first, second = two.pids
    os.kill(first, signal.SIGKILL)
    assert [future.result(60) for future in slow] == [None, None]
    until(lambda: len(two.pids) == 2)
    assert first not in two.pids
    assert second in two.pids


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_batch_that_takes_down_three_workers_is_given_up_and_the_next_is_done():
    one = SupervisedProcesses(1)
    try:
        deadly, after = one.submit(os._exit, 3), one.submit(operator.add, 1, 1)
        with pytest.raises(WorkerLost, match=r"took down 3 worker processes \(exit status 3, .*fewer workers"):
            deadly.result(60)
        assert after.result(60) == 2
    finally:
        one.close()


def test_closing_does_not_wait_for_work_and_cancels_what_is_left():
    one = SupervisedProcesses(1)
    running, waiting = one.submit(time.sleep, 600), one.submit(time.sleep, 600)
    until(running.running)
    start = time.monotonic()
    one.close()
    one.close()
    assert time.monotonic() - start < 60
    assert isinstance(running.exception(), CancelledError)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="closed"):
        one.submit(time.sleep, 0)


def test_workers_share_the_processors_and_leave_the_environment_as_it_was(two):
    before = dict(os.environ)
    assert two.submit(os.getenv, "RAG_THREADS").result() == str(max(1, (os.cpu_count() or 1) // 2))
    assert dict(os.environ) == before


def test_a_thread_of_this_process_does_one_thing_after_the_other():
    here = ThisProcess()
    assert here.submit(os.getpid).result() == os.getpid()
    here.close()


def test_results_are_in_order_and_few_are_ahead():
    taken = []

    def futures(pool):
        for n in range(9):
            taken.append(n)
            yield pool.submit(operator.neg, n)

    here = ThisProcess()
    results = in_order(futures(here), 2)
    assert next(results) == 0
    assert taken == [0, 1, 2]
    assert list(results) == [-n for n in range(1, 9)]
    here.close()


@pytest.mark.parametrize("spec", ["", "processes:", "processes:0", "threads", "Ray"])
def test_what_names_no_executor_is_refused(spec):
    with pytest.raises(InvalidInput, match=r"processes:N|1 or more"):
        executor(spec)


def test_names_of_executors():
    made = executor("processes:3")
    assert (made.workers, made.apart) == (3, True)
    made.close()
    assert executor("processes").workers == os.cpu_count()
    assert not executor("here").apart


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ExtraMissing, match=r"rag-workbench\[ray\]"):
        executor("ray:2")
