"""Distances out of a distribution, against scipy's and against what is known of normal vectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance
from scipy.stats import chi, mannwhitneyu

from pipelines.benchmark import distribution_shift
from pipelines.benchmark.distribution_shift import shift_of

NEAREST = (np.array([1.0, 2.0, 3.0]), np.array([4.0]))


def normal(n, seed, *, mean=0.0, scale=(1.0, 2.0, 0.5, 3.0)):
    return (np.random.default_rng(seed).standard_normal((n, len(scale))) * scale + mean).astype(np.float32)


def test_queries_of_one_distribution_cannot_be_told_apart():
    found = shift_of(normal(20_000, 0), normal(4000, 1), normal(4000, 2), metric="l2", nearest=NEAREST)
    assert found.separation == pytest.approx(0.5, abs=0.02)
    expected = chi(4).median()  # of the Mahalanobis distance of normal vectors of four numbers
    assert found.mahalanobis == pytest.approx(expected, rel=0.02)
    assert found.mahalanobis_ood == pytest.approx(expected, rel=0.02)
    assert (found.nearest, found.nearest_ood) == (2.0, 4.0)


def test_distances_and_separation_are_scipys():
    base, own, other = normal(5000, 0), normal(300, 1), normal(200, 2, mean=1.0)
    inverse = np.linalg.inv(np.cov(base, rowvar=False))
    mean = base.mean(axis=0)
    far = [[distance.mahalanobis(row, mean, inverse) for row in x] for x in (own, other)]
    found = shift_of(base, own, other, metric="l2", nearest=NEAREST)
    assert found.mahalanobis == pytest.approx(np.median(far[0]), rel=0.01)
    assert found.mahalanobis_ood == pytest.approx(np.median(far[1]), rel=0.01)
    share = mannwhitneyu(far[1], far[0]).statistic / (300 * 200)
    assert found.separation == pytest.approx(share, abs=0.01)


def test_a_shift_along_a_narrow_direction_counts_more():
    base, own = normal(5000, 0), normal(500, 1)
    narrow, wide = ([0, 0, 1.0, 0], [0, 0, 0, 1.0])
    shifts = [
        shift_of(base, own, own + np.float32(move), metric="l2", nearest=NEAREST).separation for move in (narrow, wide)
    ]
    assert shifts[0] > 0.7 > 0.6 > shifts[1] > 0.49


def test_under_cosine_only_the_direction_counts():
    base, own = normal(3000, 0, mean=2.0), normal(400, 1, mean=2.0)
    longer = normal(400, 2, mean=2.0) * np.float32(50)
    assert shift_of(base, own, longer, metric="cosine", nearest=NEAREST).separation == pytest.approx(0.5, abs=0.05)
    assert shift_of(base, own, longer, metric="l2", nearest=NEAREST).separation > 0.99
    assert np.isfinite(shift_of(np.zeros_like(base), own, longer, metric="cosine", nearest=NEAREST).mahalanobis)


@pytest.mark.parametrize("n", [1, 3, 40])
def test_fewer_rows_than_dimensions(n):
    rng = np.random.default_rng(0)
    base, own, other = (rng.standard_normal((m, 64)).astype(np.float32) for m in (n, 50, 50))
    found = shift_of(base, own, other + 3, metric="l2", nearest=NEAREST)
    assert np.isfinite(found.mahalanobis)
    assert found.separation > 0.9


def test_a_large_base_is_sampled(monkeypatch):
    monkeypatch.setattr(distribution_shift, "_SAMPLE", 2000)
    whole = (normal(20_000, 0), normal(500, 1), normal(500, 2, mean=0.7))
    sampled = shift_of(*whole, metric="l2", nearest=NEAREST)
    assert sampled == shift_of(*whole, metric="l2", nearest=NEAREST)
    assert sampled.separation == pytest.approx(
        shift_of(*whole, metric="l2", nearest=NEAREST, seed=1).separation, abs=0.02
    )
