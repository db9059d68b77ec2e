"""Open-loop load: requests arrive by a schedule, whether earlier ones are answered or not.

A closed loop, in which each client waits for its answer before it asks again, asks less while the system is slow, so
that its slow moments are hardly in the figures: Gil Tene's coordinated omission. Users do not wait for each other.
Here the latency of a request counts from the moment that the schedule wanted it, so the time in a queue is part of it
(Schroeder, Wierman, Harchol-Balter, "Open versus closed: a cautionary tale", 2006).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

WAIT = 0.05
"""Share of the schedule's length that its last request may wait for a server, for the system to keep up."""

_WAIT_FOR = 2
"""It may also wait for so many others, which is long only where requests are few."""


class Clock(Protocol):
    """Tells the time and waits; tests pass a clock of their own."""

    def now(self) -> float:
        """Return the seconds since some moment."""

    def sleep_until(self, moment: float) -> None:
        """Return at ``moment``, or at once if it has passed."""


class WallClock:
    """The time of this machine."""

    def now(self) -> float:
        """Return the seconds since some moment."""
        return time.perf_counter()

    def sleep_until(self, moment: float) -> None:
        """Return at ``moment``, or at once if it has passed; never spin, which would take the lock from servers."""
        left = moment - time.perf_counter()
        if left > 0:
            time.sleep(left)


@dataclass(frozen=True, slots=True)
class Served:
    """Requests of a schedule, and when they were served.

    Attributes
    ----------
    scheduled, began, ended
        float64, shape (n,): seconds since the start. NaN in the last two for a request that nobody got to.
    stopped
        When serving ended.
    """

    scheduled: Seconds
    began: Seconds
    ended: Seconds
    stopped: float

    @property
    def latency(self) -> Seconds:
        """Seconds from the scheduled arrival to the answer; for a request not served, until serving stopped."""
        return np.where(np.isnan(self.ended), self.stopped, self.ended) - self.scheduled

    @property
    def service(self) -> Seconds:
        """Seconds from the beginning of the work to the answer, NaN if not served: what a closed loop would see."""
        return self.ended - self.began

    @property
    def unserved(self) -> int:
        """Number of requests that nobody got to."""
        return int(np.isnan(self.ended).sum())

    @property
    def kept_up(self) -> bool:
        """Whether all were served, and the last one hardly waited, so that the queue did not grow all the time."""
        if self.unserved or not len(self.scheduled):
            return not self.unserved
        waited = float(self.began[-1] - self.scheduled[-1])
        return waited <= max(WAIT * float(self.scheduled[-1]), _WAIT_FOR * float(np.median(self.service)))

    @property
    def per_second(self) -> float:
        """Answers per second until the last one."""
        n = len(self.ended) - self.unserved
        return n / float(np.nanmax(self.ended)) if n else 0.0


def arrivals(rate: float, seconds: float, rng: np.random.Generator) -> Seconds:
    """Return the moments of a Poisson process of ``rate`` requests a second: many independent users."""
    gaps = rng.exponential(1 / rate, round(rate * seconds + 6 * (rate * seconds) ** 0.5) + 8)
    moments = np.cumsum(gaps)
    found: Seconds = moments[moments < seconds]
    return found if len(found) else rng.uniform(0, seconds, 1)  # at least one, and it comes while it is waited for


def serve(
    request: Callable[[int], None],
    scheduled: Seconds,
    *,
    servers: int = 1,
    until: float = np.inf,
    clock: Clock | None = None,
) -> Served:
    """Serve each request at its moment, or as soon after as a server is free; in order.

    Parameters
    ----------
    request
        Does the work of request number i.
    scheduled
        Moments of arrival, ascending, in seconds.
    servers
        Number of threads that serve.
    until
        No request is begun later, since an overloaded system would never end.
    clock
        None for the time of this machine.
    """
    clock = clock or WallClock()
    numbers = itertools.count()  # its next() is one step of the interpreter: no two servers get one number
    moments = scheduled.tolist()
    began, ended = (np.full(len(moments), np.nan) for _ in range(2))
    start = clock.now()

    def work() -> None:
        for number in iter(numbers.__next__, None):
            if number >= len(moments) or clock.now() - start > until:
                return
            clock.sleep_until(start + moments[number])
            began[number] = clock.now() - start
            request(number)
            ended[number] = clock.now() - start

    if servers == 1:
        work()
    else:
        with ThreadPoolExecutor(servers) as pool:
            for each in [pool.submit(work) for _ in range(servers)]:
                each.result()
    return Served(scheduled, began, ended, clock.now() - start)
