"""Token states in 2 bits: inner products come out nearly right, and not to one side."""

from __future__ import annotations

import numpy as np
import pytest

from rag.embedding import residual_codes as codes


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def states(n: int, dim: int, seed: int = 0):
    """States with much in common and a few large dimensions, as a transformer's are."""
    rng = np.random.default_rng(seed)
    scale = np.where(rng.random(dim) < 0.03, 8, 1)
    return unit(scale * (rng.standard_normal((n, dim)) + 0.7 * rng.standard_normal(dim)))


@pytest.mark.parametrize("dim", [3, 32, 33, 384])
def test_the_rotation_keeps_lengths_and_spreads_numbers(dim):
    turn = codes._rotation(dim)
    np.testing.assert_allclose(turn @ turn.T, np.eye(dim), atol=1e-5)
    if dim > 30:
        one = np.zeros(dim, np.float32)
        one[1] = 1
        assert np.abs(one @ turn).max() < 0.6


@pytest.mark.parametrize("dim", [64, 384])
def test_inner_products_are_nearly_right_and_not_biased(dim):
    passage, rng = states(150, dim), np.random.default_rng(1)
    near = unit(passage[:40] + 0.5 * unit(rng.standard_normal((40, dim))))
    exact = near @ passage.T
    found = codes.similarities(near, codes.encode(passage))
    error = found - exact
    assert abs(float(error.mean())) < 0.005
    assert float(error.std()) < 0.45 / np.sqrt(dim)
    assert (found.argmax(axis=1) == exact.argmax(axis=1)).mean() > 0.9


def test_two_bits_a_number():
    code = codes.encode(states(100, 384))
    assert len(code) == 2 * 384 + 100 * (4 + 96)
    assert codes.count(code, 384) == 100
    assert codes.count(code[:-1], 384) == codes.count(b"\0", 384) == -1


@pytest.mark.parametrize("dim", [30, 33])
def test_any_number_of_dimensions(dim):
    x = states(5, dim)
    assert codes.count(codes.encode(x), dim) == 5
    assert np.abs(codes.similarities(x, codes.encode(x)) - x @ x.T).max() < 0.5


def test_odd_texts():
    assert codes.encode(np.zeros((0, 8), np.float32)) == b""
    assert codes.count(b"", 8) == 0
    one = states(1, 8)
    assert codes.similarities(one, b"").shape == (1, 0)
    for same in (one, np.repeat(one, 3, axis=0), np.vstack([one, -one])):
        np.testing.assert_allclose(codes.similarities(one, codes.encode(same)), one @ same.T, atol=0.3)
