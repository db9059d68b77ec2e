"""Hashes of vectors, and what they find."""

from __future__ import annotations

import numpy as np
import pytest

from indexes import IdSet
from rag.store.postgres.hashing import Hashes, Hashing, directions
from rag.store.similarities import unit

DIM, N = 48, 6000
RNG = np.random.default_rng(11)
AFAR = np.full(DIM, 2.0, np.float32)
X = unit(np.repeat(RNG.normal(size=(60, DIM)), N // 60, axis=0) + 0.8 * RNG.normal(size=(N, DIM)) + AFAR)
Q = unit(X[::300] + X[7::300] + 0.1 * RNG.normal(size=(20, DIM)))
IDS = RNG.permutation(3 * N)[:N]


def hashes(centre: np.ndarray, nbits: int = 256) -> Hashes:
    own = Hashing(1, directions(nbits, DIM), np.asarray(centre, np.float32))
    return Hashes(own, IDS, own.hashed(X))


def recall(held: Hashes, n: int, allow: IdSet | None = None) -> float:
    inside = np.ones(N, bool) if allow is None else np.isin(IDS, allow.ids)
    shares = []
    for q in Q:
        best = IDS[inside][np.argsort(-(X[inside] @ q))[:10]]
        shares.append(np.isin(best, held.nearest(q, n, allow)).mean())
    return float(np.mean(shares))


def test_directions_are_the_same_each_time_and_at_right_angles() -> None:
    rows = directions(128, DIM)
    assert rows.shape == (128, DIM)
    assert np.array_equal(rows, directions(128, DIM))
    np.testing.assert_allclose(rows[:DIM] @ rows[:DIM].T, np.eye(DIM), atol=1e-5)


def test_the_nearest_are_among_the_candidates() -> None:
    held = hashes(X.mean(axis=0))
    found = held.nearest(Q[0], 300, None)
    assert len(found) == len(np.unique(found)) == 300
    assert (np.diff(found) > 0).all()
    assert recall(held, 300) > 0.97
    assert recall(held, 20) > recall(hashes(np.zeros(DIM)), 20) + 0.05  # from afar all look much the same


@pytest.mark.parametrize("share", [2, 10, 100])
def test_a_filter_chooses_among_the_allowed_ones(share: int) -> None:
    held, allow = hashes(X.mean(axis=0)), IdSet(np.arange(0, 3 * N, share))
    found = held.nearest(Q[0], 100, allow)
    assert len(found) == min(100, int(np.isin(IDS, allow.ids).sum()))
    assert np.isin(found, allow.ids).all()
    assert recall(held, 100, allow) > 0.9


def test_few_are_all_candidates() -> None:
    held = hashes(X.mean(axis=0))
    assert np.array_equal(held.nearest(Q[0], N, None), np.sort(IDS))
    assert not len(held.nearest(Q[0], 10, IdSet([10**9])))
    assert np.array_equal(held.nearest(Q[0], 10, IdSet([10**9, int(IDS[5])])), IDS[5:6])


def test_memory_is_told() -> None:
    held = hashes(X.mean(axis=0), 512)
    assert held.memory() == {"hashes": N * 64, "ids": N * 8, "directions": 4 * (512 * DIM + DIM)}


def test_a_vector_of_length_0_is_hashed() -> None:
    own = hashes(X.mean(axis=0)).hashing
    assert np.isfinite(own.seen(np.zeros(DIM, np.float32))).all()
    assert own.hashed(np.zeros((2, DIM), np.float32)).shape == (2, own.width)
