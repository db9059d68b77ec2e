"""Damaged files: always an error that names the file, or the right answers; never wrong ones, a crash or a hang."""

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
        [sys.executable, str(DRIVER), "damage", *arguments],
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
        env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(result: dict[str, Any], trials: int) -> None:
    assert result["bad"] == []
    assert result["files"] >= 18
    assert result["trials"] >= trials
    assert result["refused"] + result["right"] == result["trials"]
    # What may be right all the same: the lock's text, the shared memory, bits of pages that are not read.
    assert result["refused"] > 0.75 * result["trials"]


def test_no_damage_passes_unseen() -> None:
    check(run("--flips", "5", "--cuts", "2"), 220)


# Few bits of a database change an answer: without page checksums most flips are found out by what reads the page.
@pytest.mark.parametrize(("defect", "flips", "only"), [("digest", "30", "*"), ("checksum", "600", "store.sqlite")])
@pytest.mark.slow
def test_a_planted_defect_is_caught(defect: str, flips: str, only: str) -> None:
    assert run("--flips", flips, "--cuts", "0", "--defect", defect, "--only", only)["bad"]


@pytest.mark.slow
def test_no_damage_passes_unseen_in_many_trials() -> None:
    check(run("--flips", "80", "--cuts", "24"), 1600)
