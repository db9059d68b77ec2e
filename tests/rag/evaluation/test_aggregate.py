"""Aggregates: failures never raise a score, nothing is dropped in silence, never NaN, intervals that hold."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from rag.errors import InvalidInput
from rag.evaluation import Aggregate, Score
from rag.evaluation.aggregate import aggregate, bootstrap_interval


def scores(values):
    return [Score(float(v)) for v in values]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["random", "good", "bad", "ties"])
def test_planted_failures_never_raise_a_score(share, kind):
    rng = np.random.default_rng(3)
    n = 200
    values = {"random": rng.random(n), "good": np.ones(n), "bad": np.zeros(n), "ties": rng.integers(0, 2, n)}[kind]
    healthy = aggregate(scores(values))
    for trial in range(20):
        failed = np.random.default_rng(trial).choice(n, max(1, int(share * n)), replace=False)
        rows = scores(values)
        for at in failed:
            rows[at] = Score(0.0, "Timeout: too slow", failed=True)
        broken = aggregate(rows)
        assert broken.value <= healthy.value
        assert broken.value == pytest.approx(np.where(np.isin(np.arange(n), failed), 0, values).mean())
        assert (broken.n, broken.n_failed) == (n, len(failed))
        assert f"{len(failed)} of 200 failed (Timeout: too slow)" in broken.reason


def test_the_headline_falls_with_every_failure():
    values = np.random.default_rng(0).random(100)
    last = math.inf
    for failures in range(101):
        rows = [Score(0.0, "x", failed=True) if i < failures else Score(v) for i, v in enumerate(values)]
        found = aggregate(rows).value
        assert found <= last
        last = found
    assert last == 0


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_where_lower_is_better_a_failure_leaves_no_figure(share):
    rows = scores(np.random.default_rng(1).random(100))
    for at in range(int(share * 100)):
        rows[at] = Score(0.0, "x", failed=True)
    found = aggregate(rows, failing="undefined")
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.n_failed == share * 100


def test_a_failed_row_with_a_value_counts_zero():
    assert aggregate([Score(0.9, "half an answer", failed=True), Score(1.0)]).value == 0.5


def test_rows_that_cannot_be_scored_are_named():
    found = aggregate([Score(1.0), Score(None, "no gold"), Score(None, "no gold"), Score(None, "unanswerable")])
    assert (found.value, found.n) == (1.0, 1)
    assert found.reason == "3 of 4 questions cannot be scored (no gold: 2; unanswerable: 1)"


def test_nothing_to_score_is_none_with_a_reason():
    assert aggregate([]) == Aggregate(None, reason="no questions")
    assert aggregate([Score(None, "no gold")]).reason == "1 of 1 questions cannot be scored (no gold)"


def test_nan_is_refused_and_never_in_json():
    with pytest.raises(InvalidInput, match="returned nan"):
        aggregate([Score(math.nan)])
    with pytest.raises(InvalidInput, match="returned inf"):
        aggregate([Score(math.inf)])
    for rows in ([], [Score(None)], [Score(0.0, "x", failed=True)], scores([1, 0])):
        json.dumps(aggregate(rows).as_dict(), allow_nan=False)


@given(st.lists(st.one_of(st.floats(0, 1), st.just("failed"), st.just("none")), max_size=30))
def test_any_rows_give_a_finite_value_within_its_interval(rows):
    made = [
        Score(0.0, "f", failed=True) if r == "failed" else Score(None, "n") if r == "none" else Score(r) for r in rows
    ]
    found = aggregate(made)
    if found.n == 0:
        assert found.value is None
        assert found.reason
    else:
        assert 0 <= found.value <= 1
    if found.n > 1:
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_the_interval_holds_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(5)
    inside = 0
    for trial in range(400):
        low, high = bootstrap_interval(rng.beta(2, 3, 80), seed=trial)
        inside += low <= 0.4 <= high
    assert 0.915 <= inside / 400 <= 0.98


def test_same_seed_same_interval_and_order_does_not_matter_to_the_value():
    values = np.random.default_rng(2).random(50)
    assert aggregate(scores(values), seed=4) == aggregate(scores(values), seed=4)
    assert aggregate(scores(values), seed=4) != aggregate(scores(values), seed=5)
    assert aggregate(scores(values[::-1])).value == pytest.approx(aggregate(scores(values)).value)


def test_one_question_has_no_interval():
    assert (aggregate(scores([1])).low, aggregate(scores([1])).high) == (None, None)


def test_the_votes_of_a_judge_are_reported():
    rows = [Score(1.0, agreement=1.0), Score(0.5, agreement=0.0)]
    assert aggregate(rows).reason == "votes of the judge agree in 50% of pairs"
