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
    first = changed(rows, qps_rounds=[90, 100, 110], qps=100)
    verdicts = [
        by_spec(compare(first, changed(rows, qps_rounds=rounds, qps=rounds[1])))["honest"].verdict
        for rounds in ([105, 150, 190], [111, 150, 190], [50, 60, 89], [50, 60, 91])
    ]
    assert verdicts == ["same", "faster", "slower", "same"]
    slower = by_spec(compare(first, changed(rows, qps_rounds=[50, 60, 70], qps=60)))["honest"]
    assert slower.qps == pytest.approx(0.6)


def test_recall_and_speed_are_told_apart(rows):
    worse = changed(rows, recall=0.9, qps_rounds=[1e9, 1e9], qps=1e9)
    assert by_spec(compare(rows, worse))["honest"].verdict == "worse recall, faster"
    assert by_spec(compare(worse, rows))["honest"].verdict == "better recall, slower"


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
    with pytest.raises(InvalidInput, match="different data"):
        compare(rows, other)
    other = copy.deepcopy(rows)
    other[0]["k"] = 5
    with pytest.raises(InvalidInput, match="different numbers of neighbours: 10 and 5"):
        compare(rows, other)
