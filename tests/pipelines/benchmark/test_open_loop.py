"""Latency under load by a simulated clock: queues as theory has them, and stalls that a closed loop would hide."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from pipelines.benchmark.open_loop import arrivals, serve


class Simulated:
    """A clock that stands still unless somebody works or waits."""

    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def sleep_until(self, moment):
        self.time = max(self.time, moment)


def simulated(scheduled, service, **options):
    """Serve requests whose work takes ``service`` seconds each."""
    clock = Simulated()

    def request(number):
        clock.time += service[number]

    return serve(request, np.asarray(scheduled, float), clock=clock, **options)


def by_lindley(scheduled, service):
    """When each request of a queue is answered: the recursion of Lindley (1952)."""
    ended, free = [], 0.0
    for at, work in zip(scheduled, service, strict=True):
        free = max(at, free) + work
        ended.append(free)
    return np.array(ended)


def test_a_stall_shows_in_open_loop_and_hides_in_closed_loop():
    scheduled = np.arange(1000) / 100  # a request each 10 ms, for 10 seconds
    service = np.full(1000, 0.001)
    service[300] = 1.0  # the planted stall
    served = simulated(scheduled, service)
    assert np.percentile(served.service, 99) == pytest.approx(0.001), "what a closed loop reports: all is well"
    assert np.percentile(served.latency, 50) == pytest.approx(0.001)
    assert np.percentile(served.latency, 99) == pytest.approx(0.9, abs=0.02), "a hundred users waited behind it"
    late = int((served.latency > 0.05).sum())
    assert late == pytest.approx(1.0 / 0.010 + 5, abs=6), "all who came during the stall, and until the queue was gone"


def test_latencies_are_those_of_a_queue():
    rng = np.random.default_rng(0)
    scheduled = arrivals(50, 100, rng)
    service = rng.exponential(0.015, len(scheduled))
    served = simulated(scheduled, service)
    expected = by_lindley(scheduled, service)
    assert served.ended == pytest.approx(expected)
    assert served.latency == pytest.approx(expected - scheduled)
    assert served.service == pytest.approx(service)
    assert served.kept_up


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_percentiles_are_those_of_theory(load):
    # M/M/1: the time in the system is exponential of rate mu - lambda.
    rng = np.random.default_rng(1)
    mu = 1000.0
    scheduled = arrivals(load * mu, 400, rng)
    served = simulated(scheduled, rng.exponential(1 / mu, len(scheduled)))
    rate = mu * (1 - load)
    assert np.percentile(served.latency, 50) == pytest.approx(math.log(2) / rate, rel=0.06)
    assert np.percentile(served.latency, 99) == pytest.approx(math.log(100) / rate, rel=0.1)
    assert np.percentile(served.service, 99) == pytest.approx(math.log(100) / mu, rel=0.05), "blind to the load"


def test_an_overloaded_server_does_not_keep_up():
    even = np.arange(1000) / 100
    assert simulated(even, np.full(1000, 0.0099)).kept_up
    slow = simulated(even, np.full(1000, 0.0125))
    assert not slow.kept_up
    assert slow.per_second == pytest.approx(80, rel=0.01)
    assert slow.latency[-1] > 2.4
    assert simulated(even, np.full(1000, 0.0101)).kept_up, "1 % is within the noise"


def test_few_and_slow_requests_can_keep_up():
    one = simulated([3.9], [0.6])
    assert one.kept_up, "nobody was before it"
    assert simulated([0.5, 1.0, 3.0], [0.5, 0.5, 0.5]).kept_up
    assert not simulated([0.5, 0.6, 0.7, 0.8], [0.5] * 4).kept_up, "the last one waits for more than two others"


def test_who_is_not_served_counts_with_the_time_waited():
    served = simulated(np.arange(100) / 10, np.full(100, 1.0), until=20.0)
    assert served.unserved == 79
    assert not served.kept_up
    assert served.stopped == pytest.approx(21.0)
    assert served.latency[-1] == pytest.approx(21.0 - 9.9)
    assert np.isnan(served.service[-1])
    assert served.per_second == pytest.approx(1.0)


def test_arrivals_are_a_poisson_process():
    found = arrivals(200, 100, np.random.default_rng(2))
    assert len(found) == pytest.approx(20_000, abs=5 * math.sqrt(20_000))
    assert (np.diff(found) > 0).all()
    assert 0 < found[0] < found[-1] < 100
    gaps = np.diff(found)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    a_second = np.bincount(found.astype(int))
    assert a_second.var() == pytest.approx(a_second.mean(), rel=0.5)
    (rare,) = arrivals(0.001, 1, np.random.default_rng(0))
    assert 0 <= rare < 1, "one request in a thousand seconds is not waited for so long"
    assert (found == arrivals(200, 100, np.random.default_rng(2))).all()


def test_one_slow_request_does_not_stop_the_other_server():
    others_done = threading.Event()
    done = []

    def request(number):
        if number == 0:
            assert others_done.wait(60), "the second server did not go on"
        done.append(number)
        if len(done) == 9:
            others_done.set()

    served = serve(request, np.zeros(10), servers=2)
    assert done == [*range(1, 10), 0]
    assert served.unserved == 0
    assert (served.ended >= served.began).all()


def test_a_failure_of_a_server_is_raised():
    def request(number):
        if number == 3:
            raise RuntimeError("broken")

    for servers in (1, 2):
        with pytest.raises(RuntimeError, match="broken"):
            serve(request, np.zeros(5), servers=servers)


def test_no_request_begins_before_its_moment():
    served = serve(lambda _: None, np.array([0.0, 0.01, 0.02]), servers=2)
    assert (served.began >= served.scheduled).all()
