"""Timing of searches: exactly the call that a user makes.

Queries come in a new order every time, so that an engine that returns an earlier answer, or the last query's, shows a
lower recall.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, Ids, Vectors

Search = Callable[[Vectors], Hits]

_STEADY = 0.05
_SLICES_PER_THREAD = 4


@dataclass(frozen=True, slots=True)
class Batched:
    """Queries searched in one call.

    Attributes
    ----------
    qps
        Queries per second over all calls of the round.
    ids
        int64, shape (n_queries, k): the answers of the last call, in the order of the queries.
    """

    qps: float
    ids: Ids


@dataclass(frozen=True, slots=True)
class Single:
    """Queries searched one at a time.

    Attributes
    ----------
    seconds
        float64: the latency of each query.
    queries
        int64: the numbers of the queries.
    ids
        int64, shape (len(queries), k): the answers.
    """

    seconds: NDArray[np.float64]
    queries: Ids
    ids: Ids


def warm_up(search: Search, queries: Vectors, rng: np.random.Generator, seconds: float) -> int:
    """Search until the median of three calls is within 5 % of the previous three's, or time is up.

    Returns
    -------
    int
        Number of calls, at least one.
    """
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while True:
        shuffled = queries[rng.permutation(len(queries))]
        start = time.perf_counter()
        search(shuffled)
        now = time.perf_counter()
        taken.append(now - start)
        if now > end:
            return len(taken)
        if len(taken) >= 6:
            last, before = statistics.median(taken[-3:]), statistics.median(taken[-6:-3])
            if abs(last - before) <= _STEADY * before:
                return len(taken)


def batched(search: Search, queries: Vectors, rng: np.random.Generator, seconds: float, threads: int = 1) -> Batched:
    """Search all queries in one call, again and again for ``seconds``, at least once.

    With more threads, each searches slices of the batch, as the threads of a server do.
    """
    spent, calls = 0.0, 0
    with quiet(), ThreadPoolExecutor(threads) as pool:
        while True:
            order = rng.permutation(len(queries))
            shuffled = queries[order]
            if threads == 1:
                start = time.perf_counter()
                found = search(shuffled).ids
                spent += time.perf_counter() - start
            else:
                slices = np.array_split(shuffled, min(threads * _SLICES_PER_THREAD, len(queries)))
                start = time.perf_counter()
                parts = list(pool.map(search, slices))
                spent += time.perf_counter() - start
                found = np.concatenate([part.ids for part in parts])
            calls += 1
            if spent >= seconds:
                break
    ids = np.empty_like(found)
    ids[order] = found
    return Batched(calls * len(queries) / spent, ids)


def grouped(
    groups: Sequence[tuple[Search, Ids]], queries: Vectors, rng: np.random.Generator, seconds: float
) -> Batched:
    """Search groups of queries, each by a search of its own in one call, again and again for ``seconds``.

    Parameters
    ----------
    groups
        A search and the numbers of its queries, which together are all.
    """
    spent, passes = 0.0, 0
    answers: list[tuple[Ids, Ids]] = []
    with quiet():
        while not passes or spent < seconds:
            answers = []
            for search, own in groups:
                order = rng.permutation(len(own))
                shuffled = queries[own[order]]
                start = time.perf_counter()
                found = search(shuffled).ids
                spent += time.perf_counter() - start
                answers.append((own[order], found))
            passes += 1
    ids: Ids = np.full((len(queries), max(found.shape[1] for _, found in answers)), -1, np.int64)
    for own, found in answers:
        ids[own, : found.shape[1]] = found
    return Batched(passes * len(queries) / spent, ids)


def single(search: Search, queries: Vectors, rng: np.random.Generator, seconds: float) -> Single:
    """Search queries one at a time, each at most once, for ``seconds``."""
    order = rng.permutation(len(queries))
    rows = queries[order]
    taken: list[float] = []
    answers: list[Any] = []
    with quiet():
        end = time.perf_counter() + seconds
        for i in range(len(rows)):
            row = rows[i : i + 1]
            start = time.perf_counter()
            hits = search(row)
            now = time.perf_counter()
            taken.append(now - start)
            answers.append(hits.ids)
            if now > end:
                break
    return Single(np.array(taken), order[: len(taken)], np.concatenate(answers))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Python's garbage collector from running in the middle of a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
