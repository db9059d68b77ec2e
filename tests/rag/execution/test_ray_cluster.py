"""Ray as an executor, where it is installed: two workers on this machine."""

from __future__ import annotations

import operator
import os
import signal
import threading
import time

import psutil
import pytest

pytest.importorskip("ray", reason="ray is not installed")

from rag.errors import WorkerLost
from rag.execution import executor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def two():
    made = executor("ray:2")
    yield made
    made.close()


def test_work_is_done_and_errors_are_those_of_the_work(two):
    assert two.workers == 2
    assert [two.submit(operator.neg, n).result() for n in range(5)] == [0, -1, -2, -3, -4]
    with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
        two.submit(operator.truediv, 1, 0).result()
    assert two.submit(os.getenv, "RAG_THREADS").result() == "1"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_batch_of_a_killed_worker_is_done_again(two):
    slow = [two.submit(time.sleep, 3.0), two.submit(time.sleep, 3.0)]

    def kill():
        time.sleep(1.0)
        busy = [p for p in psutil.Process().children(recursive=True) if p.cmdline()[:1] == ["ray::_run"]]
        os.kill(busy[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert [future.result(120) for future in slow] == [None, None]
    killer.join()


def test_a_batch_that_takes_down_its_workers_is_given_up(two):
    with pytest.raises(WorkerLost, match="3 workers of Ray"):
        two.submit(os._exit, 3).result(120)
    assert two.submit(operator.add, 1, 1).result() == 2
