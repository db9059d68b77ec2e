"""Intervals hold the truth as often as they say, near the ends of the scale too, and none has a width of zero."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from rag.evaluation import Score
from rag.evaluation.aggregate import aggregate
from rag.evaluation.comparison import compare, p_value
from rag.evaluation.intervals import bootstrap_interval, difference_interval


def rate(p):
    return lambda rng, n: (rng.random(n) < p) * 1.0


def reciprocal_ranks(rng, n):
    return 1 / np.minimum(rng.geometric(0.95, n), 20)


def near_the_ceiling(rng, n):
    return np.where(rng.random(n) < 0.9, 1.0, rng.beta(2, 1.5, n))


def covered(make, interval, n, simulations=300):
    truth = make(np.random.default_rng(77), 500_000).mean()
    rng = np.random.default_rng(n)
    inside = 0
    for seed in range(simulations):
        low, high = interval(make(rng, n), seed)
        assert low < high
        inside += low <= truth <= high
    return inside / simulations


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize(
    "make", [rate(0.9), rate(0.97), rate(0.03), reciprocal_ranks, near_the_ceiling],
    ids=["rate .9", "rate .97", "rate .03", "RR", "nDCG"],
)  # fmt: skip
def test_95_percent_is_at_least_93(make, n):
    assert covered(make, lambda values, seed: bootstrap_interval(values, seed=seed), n) >= 0.93


@pytest.mark.parametrize("n", [10, 20, 50])
def test_differences_that_are_rare_are_covered_too(n):
    def rare(rng, n):
        return np.where(rng.random(n) < 0.1, rng.normal(0.05, 0.2, n).clip(-1, 1), 0)

    assert covered(rare, lambda d, seed: difference_interval(d, bounded=True, seed=seed), n) >= 0.93


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (1, 7), (5, 10), (19, 20), (50, 50)])
def test_rates_have_clopper_and_pearsons_interval(hits, n):
    values = np.array([1.0] * hits + [0.0] * (n - hits))
    theirs = binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert bootstrap_interval(values) == pytest.approx((theirs.low, theirs.high))


def test_the_resampling_agrees_with_the_exact_interval_where_both_can_be_had():
    values = np.array([1.0] * 17 + [0.0] * 3)
    exact = np.array(bootstrap_interval(values))
    nearly = bootstrap_interval(values * (1 - 2e-9) + 1e-9, seed=3)
    assert nearly == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n", [2, 5, 40, 1000])
def test_where_all_questions_agree_the_interval_still_has_a_width(value, n):
    low, high = bootstrap_interval(np.full(n, value))
    assert low <= value <= high
    assert high - low > 1 / n


def test_of_alike_values_without_bounds_there_is_none_and_the_reason_says_why():
    found = aggregate([Score(7.0)] * 5)
    assert (found.value, found.low, found.high) == (7.0, None, None)
    assert "all values are alike" in found.reason
    assert aggregate([Score(7.0)] * 5, top=10).low < 7 < aggregate([Score(7.0)] * 5, top=10).high


def test_pooled_rows_that_are_alike_give_none_too():
    found = aggregate([Score(1.0, parts=(1.0,))] * 9, pool=lambda rows: float(rows.mean()))
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert "all values are alike" in found.reason


def test_differences_that_are_alike_have_a_width_or_no_interval():
    same = {str(i): 0.5 for i in range(20)}
    shares = compare(same, same)
    assert -0.3 < shares.low < 0 < shares.high < 0.3
    assert shares.detectable is None
    counts = compare(dict.fromkeys(same, 3.0), dict.fromkeys(same, 2.0))
    assert (counts.low, counts.high) == (None, None)


def test_order_does_not_matter():
    values = np.random.default_rng(0).beta(5, 1, 30)
    assert bootstrap_interval(values[::-1]) == bootstrap_interval(values)


@pytest.mark.parametrize("test", ["t", "bootstrap", "permutation"])
@pytest.mark.parametrize("alike", [[0.2, 0.2], [0.3 - 0.1, 0.2], [-1.0, -1.0, -1.0]])
def test_a_few_alike_differences_prove_nothing(test, alike):
    assert p_value(np.array(alike), test) == pytest.approx(2.0 ** (1 - len(alike)))


@pytest.mark.parametrize("test", ["t", "bootstrap", "permutation"])
def test_rounding_is_no_difference(test):
    assert p_value(np.full(30, 0.1 + 0.2 - 0.3), test) == 1


def test_the_bootstrap_of_five_differences_keeps_its_level(monkeypatch):
    monkeypatch.setattr("rag.evaluation.comparison.RESAMPLES", 399)
    rng = np.random.default_rng(6)
    wrong = np.mean([p_value(rng.normal(size=5), "bootstrap", seed=s) < 0.05 for s in range(1000)])
    assert wrong <= 0.065


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 30, 50, 100, 300])
def test_coverage_at_every_size(n):
    for make in (rate(0.5), rate(0.9), rate(0.97), reciprocal_ranks, near_the_ceiling):
        assert covered(make, lambda values, seed: bootstrap_interval(values, seed=seed), n, 1000) >= 0.94
