"""Contract of ``DenseIndex``: an index that came to its contents by a long way finds what a fresh one finds.

An engine that learned from what was there first describes what came later badly, and its answers do not show it. So
every history here is compared with a build from the same vectors; no engine may fall behind that by more than ``LOSS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from ..dense_index import DenseIndex
from ..types import Ids, Metric, Vectors
from .base import Contract, K
from .oracle import DIM, cloud

LOSS, LOSS_BEFORE = 0.02, 0.15
"""Lost recall that is allowed to an optimized index, and to one that is not."""
N, BATCH, N_QUERIES = 3200, 200, 200

Batch = tuple[str, Vectors, Ids]


@dataclass(frozen=True)
class History:
    """Changes in order (``build``, ``add`` or ``remove``), and the vectors near which is searched."""

    changes: list[Batch]
    near: Vectors


def _added(x: Vectors, first: int, *, start: int = 0) -> Iterator[Batch]:
    """Build from the first vectors, then add the others batch by batch."""
    ids = np.arange(start, start + len(x))
    yield "build", x[:first], ids[:first]
    for at in range(first, len(x), BATCH):
        yield "add", x[at : at + BATCH], ids[at : at + BATCH]


def _topics(n: int, seed: int, *, spread: float = 0.5) -> Vectors:
    """Return vectors of twenty topics, in the order of topics."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.standard_normal((20, DIM)) * 3 + 4, n // 20, axis=0)
    return np.asarray(centres + spread * cloud(len(centres), DIM, seed) / 3, np.float32)


def from_first(n: int) -> History:
    """Add all but the first ``n`` vectors later."""
    x = cloud(N)
    return History([*_added(x, n)], x)


def into_new_clusters() -> History:
    """Add topics one after the other, none of which the first vectors have."""
    x = np.concatenate((cloud(N // 3), _topics(N, 5)))
    return History([*_added(x, N // 3)], x[N // 3 :])


def into_finer_ones() -> History:
    """Add vectors that lie close together amid the first ones."""
    rng = np.random.default_rng(6)
    x = np.concatenate((rng.standard_normal((N // 2, DIM)), 0.6 + 0.1 * cloud(N, DIM, 6))).astype(np.float32)
    return History([*_added(x, N // 2)], x[N // 2 :])


def replaced() -> History:
    """Remove three vectors of ten, and add others in their place."""
    x, new = cloud(N), cloud(N * 3 // 10, DIM, 8)
    gone = np.random.default_rng(8).permutation(N)[: len(new)]
    changes: list[Batch] = [("build", x, np.arange(N)), ("remove", x[:0], gone)]
    return History([*changes, ("add", new, np.arange(N, N + len(new)))], np.concatenate((x, new)))


def outlier(*, first: bool) -> History:
    """Remove a vector far from all others that is there from the start, or comes later."""
    x = cloud(N)
    half, all_ = np.arange(N // 2), np.arange(N // 2, N)
    far = np.full((1, DIM), 3000, np.float32)
    if first:
        start: list[Batch] = [("build", np.concatenate((x[half], far)), np.append(half, N))]
    else:
        start = [("build", x[half], half), ("add", far, np.array([N]))]
    return History([*start, ("add", x[all_], all_), ("remove", x[:0], np.array([N]))], x)


def off_centre() -> History:
    """Add vectors in one direction, the later ones beyond the first."""
    x = np.concatenate((cloud(N // 2) + 30, cloud(N, DIM, 4) + 40)).astype(np.float32)
    return History([*_added(x, N // 2)], x)


def varied_lengths() -> History:
    """Add vectors whose lengths differ by a hundred times, the longest last."""
    lengths = np.random.default_rng(3).lognormal(0, 1, N)
    x = np.asarray(cloud(N) * np.sort(lengths)[:, None], np.float32)
    return History([*_added(x, N // 2)], cloud(N))


def zero_rows() -> History:
    """Add vectors of which one in ten is zero, as are the first ones."""
    x = cloud(N).copy()
    x[::10] = x[:50] = 0
    return History([*_added(x, 50)], cloud(N))


HISTORIES: dict[str, Callable[[], History]] = {
    "one first": lambda: from_first(1),
    "ten first": lambda: from_first(10),
    "growth into new clusters": into_new_clusters,
    "growth into finer clusters": into_finer_ones,
    "three of ten replaced": replaced,
    "an outlier comes and goes": lambda: outlier(first=False),
    "an outlier was there first": lambda: outlier(first=True),
    "off centre": off_centre,
    "varied lengths": varied_lengths,
    "zero rows": zero_rows,
}


PAIRS = [
    *zip(HISTORIES, ("l2", "cosine", "ip") * 4, strict=False),
    ("growth into new clusters", "l2"),
    *((name, "ip") for name in ("growth into finer clusters", "an outlier was there first", "off centre")),
]
"""Each history under one metric in turn, and those that move the vectors by inner products, which nothing bounds."""


def recalls(factory: Callable[..., DenseIndex], metric: Metric, name: str) -> tuple[float, float, float, DenseIndex]:
    """Return recall@10 of an index with this history, of the same one optimized, and of a fresh one; and the first."""
    changes, (held, q, worst) = HISTORIES[name]().changes, _truth(name, metric)
    aged, fresh = factory(DIM, metric=metric), factory(DIM, metric=metric)
    for change, x, ids in changes:
        if change == "remove":
            aged.remove(ids)
        else:
            getattr(aged, change)(x, ids)
    fresh.build(np.array([*held.values()]), np.array([*held]))
    was = aged.search(q, K)
    aged.optimize()
    found = [was, *(index.search(q, K) for index in (aged, fresh))]
    vectors = [[np.array([held[i] for i in row]) for row in hits.ids.tolist()] for hits in found]
    one, two, three = (
        float(
            np.mean([scores(query[None], x, metric) >= least for query, x, least in zip(q, each, worst, strict=True)])
        )
        for each in vectors
    )
    return one, two, three, aged


@cache
def _truth(name: str, metric: Metric) -> tuple[dict[int, Vectors], Vectors, NDArray[np.float64]]:
    """Return what an index with this history holds, queries, and the score of the tenth best hit of each."""
    history, held = HISTORIES[name](), dict[int, Vectors]()
    for change, x, ids in history.changes:
        if change == "remove":
            for id_ in ids.tolist():
                del held[id_]
        else:
            held.update(zip(ids.tolist(), x, strict=True))
    rng = np.random.default_rng(1)
    near = history.near[rng.permutation(len(history.near))[:N_QUERIES]]
    q = np.asarray(near + 0.1 * near.std() * rng.standard_normal(near.shape), np.float32)
    found = scores(q, np.array([*held.values()]), metric)
    worst = np.sort(found, axis=1)[:, -K]
    return held, q, worst - 1e-5 * np.abs(found).max(axis=1)


def scores(q: Vectors, x: Vectors, metric: Metric) -> NDArray[np.float64]:
    """Return scores in float64, shape (n_queries, n)."""
    one, two = q.astype(np.float64), x.astype(np.float64)
    squares = [np.square(each).sum(axis=1) for each in (one, two)]
    dots = one @ two.T
    if metric == "l2":
        return np.asarray(2 * dots - squares[0][:, None] - squares[1])
    lengths = np.sqrt(squares[0][:, None] * squares[1]) if metric == "cosine" else np.ones(1)
    return np.asarray(dots / np.where(lengths > 0, lengths, 1))


class AgeingContract(Contract):
    """Every history ends where a fresh build does, nearly at once and fully when optimized.

    An engine that keeps codes only cannot learn again from what it holds. Where it falls behind it has to say so by
    ``drifted``, so that its owner builds it from the vectors.
    """

    @pytest.mark.parametrize(("history", "metric"), PAIRS)
    def test_an_aged_index_finds_what_a_fresh_one_finds(
        self, factory: Callable[..., DenseIndex], metric: Metric, history: str
    ) -> None:
        aged, optimized, fresh, index = recalls(factory, metric, history)
        said = index.drifted and index.traits.relearns == "apart"
        assert optimized >= fresh - LOSS or said, (
            f"recall {optimized:.3f} optimized, {aged:.3f} before, fresh {fresh:.3f}"
        )
        assert aged >= fresh - LOSS_BEFORE, f"recall {aged:.3f}, fresh {fresh:.3f}"

    def test_it_declares_when_it_learns_again(self, factory: Callable[..., DenseIndex]) -> None:
        traits = factory(DIM, metric="l2").traits
        assert traits.relearns in ("never", "anew", "apart")
        assert (traits.train_at > 0) == (traits.relearns != "never")
        assert 0 < traits.drift_bound <= 1
