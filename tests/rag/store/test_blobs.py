"""How the database holds vectors."""

import numpy as np
import pytest

from rag.store import blobs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12)).astype(np.float32)


def test_a_whole_vector_comes_back_to_the_last_bit():
    found = blobs.vectors([blobs.whole(x) for x in X], 12)
    assert found.dtype == np.float32
    assert (found == X).all()


def test_a_small_one_is_off_by_half_a_step_and_takes_a_quarter():
    packed = [blobs.small(x) for x in X]
    assert {len(blob) for blob in packed} == {12 + 4}
    found = blobs.vectors(packed, 12)
    assert found.dtype == np.float32
    assert (np.abs(found - X) <= np.abs(X).max(axis=1, keepdims=True) / 253.9).all()
    assert np.abs(found).max(axis=1) == pytest.approx(np.abs(X).max(axis=1), rel=1e-6)


def test_both_kinds_may_stand_together():
    mixed = [blobs.small(x) if n % 3 else blobs.whole(x) for n, x in enumerate(X)]
    found = blobs.vectors(mixed, 12)
    assert (found[::3] == X[::3]).all()
    np.testing.assert_allclose(found, X, atol=np.abs(X).max() / 253)


def test_nothing_and_nought():
    assert blobs.vectors([], 12).shape == (0, 12)
    assert (blobs.vectors([blobs.small(np.zeros(12, np.float32))], 12) == 0).all()
    tiny = np.full(3, 1e-42, np.float32)
    assert np.isfinite(blobs.vectors([blobs.small(tiny)], 3)).all()


def test_what_is_no_vector_is_seen():
    whole, small = blobs.whole(X[0]), blobs.small(X[0])
    assert blobs.sound(whole, 12)
    assert blobs.sound(small, 12)
    nan = np.float32("nan").tobytes()
    for wrong in (None, b"", whole[:-1], small + b"x", nan + whole[4:], nan + small[4:]):
        assert not blobs.sound(wrong, 12)
