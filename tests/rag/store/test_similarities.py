"""Similarities without an index, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from rag.store.similarities import similarities


def exact(q, x, metric):
    q, x = q.astype(np.float64), x.astype(np.float64)
    if metric == "l2":
        return -((q[:, None, :] - x[None, :, :]) ** 2).sum(2)
    dots = q @ x.T
    return dots if metric == "ip" else dots / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), 1e-30)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("n_queries", [0, 1, 3])
@pytest.mark.parametrize("n", [0, 1, 513])
def test_it_is_what_the_formula_says(metric, n_queries, n):
    rng = np.random.default_rng(n + n_queries)
    wide = rng.normal(size=(n, 80)).astype(np.float32)
    if metric == "cosine":
        wide /= np.maximum(np.linalg.norm(wide[:, ::2], axis=1, keepdims=True), 1e-9)
        wide[: n // 10] = 0
    pieces = (wide[:, ::2],) if metric == "cosine" else (wide[:, ::2], wide[:, :40].copy())
    for x in pieces:
        q = rng.normal(size=(n_queries, 40)).astype(np.float32)
        found = similarities(q, x, metric)
        assert found.dtype == np.float32
        assert found.shape == (n_queries, n)
        np.testing.assert_allclose(found, exact(q, x, metric), rtol=2e-5, atol=2e-4)


def test_a_query_of_zeros_is_like_nothing():
    x = np.eye(3, dtype=np.float32)
    assert not similarities(np.zeros((1, 3), np.float32), x, "cosine").any()
