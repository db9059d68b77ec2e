"""The sq index: tests beside the contract."""

import functools

import numpy as np
import pytest

import indexes


@pytest.fixture(scope="module")
def factory():
    return functools.partial(indexes.dense, "sq")


def step(x):
    """Return the width of a code for these numbers: the range with 2 % of room on both sides, in 255 steps."""
    return 1.04 * (x.max() - x.min()) / 255


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_a_number_is_off_by_half_a_code_at_most_however_it_came(factory, metric):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    x[200:] *= 40  # beyond the range of what was there before
    index = factory(6, metric=metric)
    index.build(x[:100], np.arange(100))
    assert np.abs(index.vectors(np.arange(100)) - x[:100]).max() <= 0.501 * step(x[:100])
    index.add(x[100:200], np.arange(100, 200))
    before = np.abs(index.vectors(np.arange(200)) - x[:200]).max()
    index.add(x[200:], np.arange(200, 300))
    index.remove([5])
    after = np.abs(index.vectors(np.arange(200, 300)) - x[200:]).max()
    assert before < 0.02 * np.abs(x[:200]).max()
    assert after <= 0.55 * step(x), "what came late was cut off at the range of what was there"


def test_a_range_that_grows_by_small_steps_does_not_wear_out_the_codes(factory):
    """Codes are made anew each time a vector lies beyond: the rounding of all times together stays small."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    x *= np.linspace(0.01, 1, 400, dtype=np.float32)[:, None]
    index = factory(8, metric="ip")
    index.build(x[:1], [0])
    for i in range(1, 400):
        index.add(x[i : i + 1], [i])
    assert np.abs(index.vectors(np.arange(400)) - x).max() <= 3 * step(x)


def test_it_finds_what_exact_search_finds_at_a_quarter_of_the_memory(factory):
    rng = np.random.default_rng(2)
    x, q = (rng.normal(size=(n, 96)).astype(np.float32) for n in (5000, 50))
    sq, flat = factory(96), indexes.dense("flat", 96)
    for index in (sq, flat):
        index.build(x, np.arange(5000))
    true, found = flat.search(q, 10), sq.search(q, 10)
    shared = [len(np.intersect1d(a, b)) for a, b in zip(true.ids, found.ids, strict=True)]
    assert np.mean(shared) >= 9.7
    assert np.abs(true.scores - found.scores).max() < 0.01
    assert sq.memory()["codes"] * 4 == flat.memory()["vectors"]


def test_numbers_that_are_all_the_same_and_none_at_all(factory):
    index = factory(4, metric="l2")
    index.build(np.zeros((3, 4), np.float32), [1, 2, 3])
    assert index.search(np.zeros((1, 4), np.float32), 3).row(0)[0].tolist() == [1, 2, 3]
    index.add(np.full((1, 4), 7, np.float32), [4])
    assert index.search(np.full((1, 4), 7, np.float32), 1).row(0)[0].tolist() == [4]
    assert np.abs(index.vectors([4, 1]) - [[7] * 4, [0] * 4]).max() <= 7 * 1.04 / 255
    index.build(np.empty((0, 4), np.float32), [])
    assert index.search(np.zeros((1, 4), np.float32), 2).ids.tolist() == [[-1, -1]]


def test_it_decodes_as_faiss_does(factory):
    rng = np.random.default_rng(4)
    index = factory(24, metric="l2")
    index.build(rng.normal(2, 5, size=(500, 24)), np.arange(500))
    np.testing.assert_allclose(index.vectors(np.arange(500)), index._index.reconstruct_n(0, 500), atol=1e-5)
