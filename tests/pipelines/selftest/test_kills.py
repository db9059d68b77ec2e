"""kill -9 at any moment of an ingest: on reopening exactly the acknowledged documents, whole, in store and indexes."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.pipelines.selftest.driving import trials

run = partial(trials, "kills")


def check(result: dict[str, Any], kills: int) -> None:
    assert result["kills"] == kills
    assert result["bad"] == []
    assert result["different"] == 0, "a second run did not end as an undisturbed one"
    # The kills must land where it matters: while documents are written, and while indexes are saved.
    assert result["during"] > kills / 2
    last = max(result["commits_seen"])
    assert sum(0 < n < last for n in result["commits_seen"]) > kills / 4


@pytest.mark.slow
def test_kills_lose_nothing() -> None:
    check(run("--kills", "40", "--count", "60", "--granularity", "chunk"), 40)


@pytest.mark.slow
def test_kills_lose_nothing_of_the_sentences_either() -> None:
    check(run("--kills", "20", "--count", "60", "--granularity", "chunk+sentence"), 20)


@pytest.mark.parametrize("defect", ["early", "autocommit", pytest.param("index-first", marks=pytest.mark.slow)])
def test_a_planted_defect_is_caught(defect: str) -> None:
    for _ in range(6):  # where the kills fall depends on what else the machine does
        result = run("--kills", "80", "--count", "60", "--granularity", "chunk", "--defect", defect)
        if result["bad"]:
            return
    raise AssertionError(f"six times {result['kills']} kills did not show the defect")


@pytest.mark.slow
def test_kills_of_a_larger_ingest_lose_nothing() -> None:
    check(run("--kills", "20", "--count", "400", "--granularity", "chunk"), 20)
