"""Engines that cheat, crash, hang or eat memory: none fools the benchmark, each costs only its own row."""

from __future__ import annotations

import contextlib
import json

import planted
import psutil
import pytest

from pipelines.benchmark.results import FILE


@pytest.fixture(scope="module")
def rows(planted_run):
    return {row["spec"]: row for row in map(json.loads, (planted_run / FILE).read_text().splitlines())}


def test_every_configuration_has_its_row(rows):
    plain = {spec for spec in planted.SPECS if not spec.startswith("picky")}
    assert set(rows) == plain | {"picky", "picky:level=2", "picky:level=3", "picky:level=4"}


@pytest.mark.parametrize(
    ("spec", "recall"),
    [("honest", 1.0), ("tenfold", 0.1), ("half", 0.5), ("padding", 0.0), ("chatty", 1.0), ("sleeper", 1.0)],
)
def test_recall_is_what_the_answers_are_worth(rows, spec, recall):
    assert rows[spec]["error"] is None
    assert rows[spec]["recall"] == pytest.approx(recall)
    assert rows[spec]["recall_by_id"] == pytest.approx(recall)


def test_distances_that_an_engine_claims_are_not_believed(rows):
    assert rows["boaster"]["error"] is None
    assert rows["boaster"]["recall"] < 0.1
    assert rows["boaster"]["distance_error"] > 0.5


def test_answers_to_an_earlier_query_are_wrong_answers(rows):
    assert rows["stale"]["recall"] < 0.2


def test_an_id_that_was_never_given_is_an_error(rows):
    assert "1000" in rows["foreign"]["error"]
    assert "not in the data" in rows["foreign"]["error"]
    assert rows["foreign"]["recall"] is None


def test_who_sleeps_in_the_first_query_pays_in_building(rows):
    assert rows["sleeper"]["first_query_ms"] > 1990
    assert rows["sleeper"]["build_s"] > 1.99
    assert rows["sleeper"]["load_s"] > 1.99
    assert rows["sleeper"]["p99_ms"] < 1500


def test_a_crash_costs_its_own_row_and_says_so(rows):
    assert "crashed with SIGSEGV while building" in rows["crasher"]["error"]
    assert rows["crasher"]["qps"] is None


def test_one_configuration_may_crash_and_another_fail_without_the_others(rows):
    assert rows["picky"]["error"] is None
    assert rows["picky"]["recall"] == 1.0
    assert "crashed with SIGABRT while searching" in rows["picky:level=2"]["error"]
    assert "level 3 is broken" in rows["picky:level=3"]["error"]
    assert rows["picky:level=4"]["error"] is None
    assert rows["picky:level=4"]["rounds"] == 2


def test_a_hang_ends_at_the_timeout(rows):
    assert rows["hanger"]["error"] == "hung: no answer within 15 s while building"


def test_memory_hunger_is_stopped_and_named(rows):
    assert rows["hungry"]["error"] == "needed more memory than the 400 MB that it may have while building"


def test_filters_and_removals_are_checked(rows):
    assert rows["leaky"]["error"] == "it returned an id that the filter excludes"
    assert "removed" in rows["undead"]["error"]
    honest = rows["honest"]
    assert honest["filters"][0]["recall"] == 1.0
    assert honest["filters"][0]["share"] == 0.25
    assert honest["filters"][0]["qps_spread"] >= 0
    assert honest["churn"]["recall"] == 1.0
    assert honest["churn"]["changed"] == 80


def test_rows_say_what_they_were_made_on(rows):
    row = rows["honest"]
    assert row["data"]["n"] == 400
    assert len(row["data"]["digest"]) == 64
    assert row["machine"]["cores"] >= 1
    assert row["versions"]["numpy"]
    assert row["seed"] == 0
    assert row["memory"]["vectors"] == 400 * 8 * 4
    assert row["memory_bytes"] == sum(row["memory"].values())
    assert row["disk_bytes"] > 400 * 8 * 4
    low, high = row["recall_interval"]
    assert 0.9 < low < 1.0
    assert high == 1.0
    assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["latency_ms"]["100"]


def test_no_worker_is_left(rows, tmp_path):
    names = []
    for child in psutil.Process().children(recursive=True):  # other tests, in processes beside this one, have workers
        with contextlib.suppress(psutil.Error):
            names.append(" ".join(child.cmdline()))
    assert not [name for name in names if "planted_worker" in name]
