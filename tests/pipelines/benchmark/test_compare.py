"""Two runs side by side: a difference is one only beyond the noise of the rounds."""

from __future__ import annotations

import copy

import pytest

from pipelines.benchmark.compare import compare
from pipelines.benchmark.results import read
from rag.errors import InvalidInput


@pytest.fixture
def rows(planted_run):
    return [row for row in read(planted_run) if row["spec"] in {"honest", "half", "crasher"}]


def changed(rows, **values):
    other = copy.deepcopy(rows)
    for row in other:
        if row["spec"] == "honest":
            row.update(values)
    return other


def by_spec(comparison):
    return {each.spec: each for each in comparison.differences}


def test_a_run_against_itself_differs_in_nothing(rows):
    comparison = compare(rows, rows)
    honest = by_spec(comparison)["honest"]
    assert (honest.verdict, honest.recall, honest.qps, honest.memory) == ("same", 0.0, 1.0, 1.0)
    assert by_spec(comparison)["crasher"].verdict == "failed in the first and the second"
    assert comparison.notes == []


def test_speed_differs_only_where_no_rounds_overlap(rows):
    first = changed(rows, qps_rounds=[90, 100, 100, 110], qps=100)
    others = (
        [105, 150, 150, 190], [111, 150, 150, 190], [50, 60, 60, 89], [50, 60, 60, 91], [1e3, 1e3, 1e3], [95],
    )  # fmt: skip
    verdicts = [
        by_spec(compare(first, changed(rows, qps_rounds=rounds, qps=rounds[0])))["honest"].verdict for rounds in others
    ]
    assert verdicts == ["same", "faster", "slower", "same", "too few rounds", "same"]
    slower = by_spec(compare(first, changed(rows, qps_rounds=[50, 60, 60, 70], qps=60)))["honest"]
    assert slower.qps == pytest.approx(0.6)


def test_recall_differs_where_a_paired_test_over_the_queries_says_so(rows):
    first = changed(rows, recall=0.9, found_per_query=[9] * 60)
    worse = changed(rows, recall=0.85, found_per_query=[8] * 29 + [9] * 30 + [8])
    noise = changed(rows, recall=0.9 + 1 / 600, found_per_query=[8, 10] * 15 + [9] * 29 + [10])
    found = by_spec(compare(first, worse))["honest"]
    assert found.verdict == "worse recall, same"
    assert found.recall == pytest.approx(-0.05)
    assert found.recall_p < 1e-6
    low, high = found.recall_interval
    assert low < -0.05 < high < 0
    assert by_spec(compare(worse, first))["honest"].verdict == "better recall, same"
    found = by_spec(compare(first, noise))["honest"]
    assert found.verdict == "same"
    assert found.recall_p > 0.5


def test_what_was_found_for_each_query_is_the_recall(rows):
    honest, half = (next(row for row in rows if row["spec"] == spec) for spec in ("honest", "half"))
    assert honest["found_per_query"] == [10] * 60
    assert half["found_per_query"] == [5] * 60


def test_p_is_corrected_over_all_configurations(rows):
    base = changed(rows, found_per_query=[9] * 60, recall=0.9)
    other = changed(rows, found_per_query=[8] * 6 + [9] * 54, recall=0.89)
    for row in other:
        if row["spec"] == "half":  # one that does not differ would not count
            row["found_per_query"] = [n - 1 for n in row["found_per_query"][:3]] + row["found_per_query"][3:]
    one = compare([row for row in base if row["spec"] == "honest"], [row for row in other if row["spec"] == "honest"])
    assert by_spec(compare(base, other))["honest"].recall_p == pytest.approx(2 * one.differences[0].recall_p)


def test_a_machine_that_was_busier_is_noticed(rows):
    (row,) = (row for row in rows if row["spec"] == "honest")
    first = [{**row, "spec": f"honest:level={i}", "qps": 100.0} for i in range(5)]
    slower = [{**each, "qps": 80.0 + i} for i, each in enumerate(first)]
    assert "queries/s are x 0.82 at the median: the machine was busier" in compare(first, slower).notes[-1]
    assert compare(first, [{**each, "qps": 95.0} for each in first]).notes == []


def test_what_only_one_has_and_what_makes_it_hard(rows):
    other = changed(rows[1:], spec="honest:level=2")
    for row in other:
        row["machine"] = {**row["machine"], "cores": 999}
        row["versions"] = {**row["versions"], "numpy": "9.9"}
    comparison = compare(rows, other)
    assert comparison.only_first == [rows[0]["spec"]]
    assert "different machines" in comparison.notes[0]
    assert "numpy" in comparison.notes[1]
    assert "9.9" in comparison.notes[1]


def test_runs_that_cannot_be_compared(rows):
    other = copy.deepcopy(rows)
    other[0]["data"]["digest"] = "0"
    with pytest.raises(InvalidInput, match="different data: small has other vectors or queries"):
        compare(rows, other)
    other[0]["data"]["n_queries"] = 30
    with pytest.raises(InvalidInput, match="different queries of small: 60 and 30"):
        compare(rows, other)
    other[0]["data"]["name"] = "large"
    with pytest.raises(InvalidInput, match="different data: name small and large"):
        compare(rows, other)
    other = copy.deepcopy(rows)
    other[0]["k"] = 5
    with pytest.raises(InvalidInput, match="different numbers of neighbours: 10 and 5"):
        compare(rows, other)
