"""Paired tests: uniform under the null, equal to scipy's, corrected as Holm says, with the power they claim."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from rag.errors import InvalidInput
from rag.evaluation.comparison import compare, corrected, detectable_difference, distinct_tests, holm, p_value


def null_p_values(test, simulations, n=40):
    rng = np.random.default_rng(12)
    return np.array([p_value(rng.normal(size=n) * rng.gamma(2, size=n), test, seed=s) for s in range(simulations)])


@pytest.mark.parametrize("test", ["permutation", "t"])
def test_on_null_data_p_is_uniform(test, monkeypatch):
    monkeypatch.setattr("rag.evaluation.comparison.RESAMPLES", 999)
    p = null_p_values(test, 2000)
    assert abs((p < 0.05).mean() - 0.05) <= 0.01
    assert abs((p < 0.5).mean() - 0.5) <= 0.035
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


def test_the_bootstrap_is_near_its_level_too(monkeypatch):
    monkeypatch.setattr("rag.evaluation.comparison.RESAMPLES", 499)
    rng = np.random.default_rng(4)
    p = np.array([p_value(rng.normal(size=100), "bootstrap", seed=s) for s in range(2000)])
    assert abs((p < 0.05).mean() - 0.05) <= 0.01


def test_real_differences_are_found():
    rng = np.random.default_rng(1)
    for test in ("permutation", "bootstrap", "t"):
        assert p_value(rng.normal(0.5, 1, 100), test) < 0.01


def test_few_questions_are_gone_through_exactly():
    d = np.array([0.3, -0.1, 0.4, 0.2, 0.25])
    signs = itertools.product([1, -1], repeat=5)
    expected = np.mean([abs(np.mean(d * s)) >= d.mean() - 1e-12 for s in signs])
    assert p_value(d) == pytest.approx(expected)


def test_t_equals_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.random(30), rng.random(30)
    assert p_value(a - b, "t") == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, rel=1e-9)


def test_permutation_is_near_scipys():
    d = np.random.default_rng(3).normal(0.2, 1, 60)
    theirs = scipy.stats.permutation_test((d, np.zeros(60)), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(1)).pvalue  # fmt: skip  # noqa: E501
    assert p_value(d) == pytest.approx(theirs, abs=0.02)


def test_degenerate_differences():
    assert p_value(np.zeros(10)) == 1
    assert p_value(np.array([0.5])) is None
    assert p_value(np.full(20, 0.1)) < 0.001
    assert p_value(np.full(20, 0.1), "t") == 2.0**-19  # as random signs say: there is no spread to go by


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.02]) == [0.02]


def test_the_family_wise_error_holds():
    rng = np.random.default_rng(9)
    wrong = sum(min(holm(rng.random(12).tolist())) < 0.05 for _ in range(2000))
    assert wrong / 2000 <= 0.065


def test_power_is_what_it_says():
    n, spread = 50, 0.2
    least = detectable_difference(n, spread)
    rng = np.random.default_rng(2)
    found = np.mean([p_value(rng.normal(least, spread, n), "t") < 0.05 for _ in range(2000)])
    assert 0.76 <= found <= 0.84


def test_counts_difference_and_effect():
    system = {"a": 1.0, "b": 0.5, "c": 0.2, "only": 1}
    baseline = {"a": 0.5, "b": 0.5, "c": 0.4, "lonely": 0}
    found = compare(system, baseline, metric="RR", names=("new", "old"))
    assert (found.n, found.wins, found.ties, found.losses, found.left_out) == (3, 1, 1, 1, 2)
    d = np.array([0.5, 0, -0.2])
    assert found.difference == pytest.approx(0.1)
    assert found.effect == pytest.approx(d.mean() / d.std(ddof=1))
    assert found.low <= 0.1 <= found.high
    turned = compare(system, baseline, lower=True)
    assert (turned.wins, turned.losses) == (1, 1)
    assert str(found).startswith("RR: +0.1000 (1 wins, 1 ties, 1 losses")


def test_correction_leaves_out_what_has_no_p():
    one = compare({"a": 1.0}, {"a": 0.0})
    many = compare({str(i): 1.0 for i in range(20)}, {str(i): i / 40 for i in range(20)})
    other = compare({str(i): 1.0 for i in range(20)}, {str(i): i / 50 for i in range(20)})
    fixed = corrected([one, many, other])
    assert fixed[0].p_corrected is None
    assert fixed[1].p_corrected == pytest.approx(2 * many.p)
    assert fixed[1].significant


def test_what_cannot_be_compared():
    with pytest.raises(InvalidInput, match="no question in common"):
        compare({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InvalidInput, match="choose one of"):
        compare({"a": 1.0}, {"a": 1.0}, test="chance")


def rows(seed, n=30):
    rng = np.random.default_rng(seed)
    return {f"q{i}": float(v) for i, v in enumerate(rng.random(n))}


def test_identical_rows_count_once_in_holms_correction():
    base, one, other = rows(0), rows(1), rows(2)
    plain = corrected([compare(one, base), compare(other, base)])
    merged = corrected([compare(one, base), compare(dict(one), base), compare(other, base), compare(dict(base), base)])
    assert [c.p_corrected for c in merged] == [plain[0].p_corrected] * 2 + [plain[1].p_corrected, 1.0]
    assert distinct_tests(merged) == 2
    assert [c.detectable_corrected for c in merged[:3]] == [
        plain[0].detectable_corrected, plain[0].detectable_corrected, plain[1].detectable_corrected,
    ]  # fmt: skip


def test_one_comparison_is_corrected_for_nothing():
    (only,) = corrected([compare(rows(1), rows(0))])
    assert (only.p_corrected, only.detectable_corrected) == (only.p, only.detectable)


def test_detectable_after_the_correction_is_what_the_strictest_test_finds():
    """Simulated: a difference of that size is found 4 times in 5 by a test at 5 % over the number of comparisons."""
    rng = np.random.default_rng(3)
    n, tests = 60, 5
    first = compare(rows(1, n), rows(0, n))
    others = [compare(rows(seed, n), rows(0, n)) for seed in range(2, 1 + tests)]
    found = corrected([first, *others])[0]
    spread = found.difference / found.effect
    draws = rng.normal(found.detectable_corrected, spread, (2000, n))
    p = [p_value(d, "t") for d in draws]
    assert np.mean(np.array(p) < 0.05 / tests) == pytest.approx(0.8, abs=0.06)


@pytest.mark.slow
def test_holm_over_merged_rows_keeps_the_error_of_the_family():
    """Of 1,000 times five rows of pure chance, two of them doubled, one is called different in 5 % at most."""
    wrong = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        base = dict(enumerate(rng.normal(size=30)))
        own = [dict(enumerate(rng.normal(size=30))) for _ in range(5)]
        found = [compare(row, base, test="t") for row in (*own, own[0], own[1])]
        wrong += any(c.significant for c in corrected(found))
    assert wrong <= 50 + 2 * math.sqrt(1000 * 0.05 * 0.95)
