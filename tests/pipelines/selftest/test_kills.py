"""kill -9 at any moment of an ingest: on reopening exactly the acknowledged documents, whole, in store and indexes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rag

DRIVER = Path(__file__).with_name("planted.py")


def run(*arguments: str) -> dict[str, Any]:
    root = str(Path(rag.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, str(DRIVER), "kills", *arguments],
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
        env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(result: dict[str, Any], kills: int) -> None:
    assert result["kills"] == kills
    assert result["bad"] == []
    assert result["different"] == 0, "a second run did not end as an undisturbed one"
    # The kills must land where it matters: while documents are written, and while indexes are saved.
    assert result["during"] > kills / 2
    last = max(result["commits_seen"])
    assert sum(0 < n < last for n in result["commits_seen"]) > kills / 4


def test_sixty_kills_lose_nothing() -> None:
    check(run("--kills", "60", "--count", "60", "--granularity", "chunk"), 60)


def test_kills_lose_nothing_of_the_sentences_either() -> None:
    check(run("--kills", "40", "--count", "60", "--granularity", "chunk+sentence"), 40)


@pytest.mark.parametrize("defect", ["early", "autocommit", pytest.param("index-first", marks=pytest.mark.slow)])
def test_a_planted_defect_is_caught(defect: str) -> None:
    result = run("--kills", "80", "--count", "60", "--granularity", "chunk", "--defect", defect)
    assert result["bad"], f"{result['kills']} kills did not show the defect"


@pytest.mark.slow
def test_a_hundred_kills_of_a_larger_ingest() -> None:
    check(run("--kills", "100", "--count", "400", "--granularity", "chunk"), 100)
