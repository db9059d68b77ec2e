"""How the database holds vectors."""

import numpy as np

from rag.store import blobs

X = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
X /= np.linalg.norm(X, axis=1, keepdims=True)


def test_a_whole_vector_comes_back_to_the_last_bit():
    found = blobs.vectors([blobs.whole(x) for x in X], 12)
    assert found.dtype == np.float32
    assert (found == X).all()


def test_half_of_the_room_keeps_three_digits():
    packed = [blobs.half(x) for x in X]
    assert {len(blob) for blob in packed} == {24}
    found = blobs.vectors(packed, 12)
    assert found.dtype == np.float32
    assert (np.abs(found - X) <= np.abs(X) / 2048 + 3e-8).all()
    assert (found != X).any()


def test_both_kinds_may_stand_together():
    mixed = [blobs.half(x) if n % 3 else blobs.whole(x) for n, x in enumerate(X)]
    found = blobs.vectors(mixed, 12)
    assert (found[::3] == X[::3]).all()
    np.testing.assert_allclose(found, X, rtol=1 / 2048, atol=3e-8)


def test_nothing_and_nought():
    assert blobs.vectors([], 12).shape == (0, 12)
    assert (blobs.vectors([blobs.half(np.zeros(12, np.float32))], 12) == 0).all()


def test_what_is_no_vector_is_seen():
    whole, half = blobs.whole(X[0]), blobs.half(X[0])
    assert blobs.sound(whole, 12)
    assert blobs.sound(half, 12)
    nan = np.float32("nan").tobytes()
    for wrong in (None, b"", whole[:-1], half + b"x", nan + whole[4:], np.float16("nan").tobytes() + half[2:]):
        assert not blobs.sound(wrong, 12)
