"""Readers never see a half state; a second writer is told at once; a killed one is in nobody's way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rag

DRIVER = Path(__file__).with_name("planted.py")


def run(seconds: int, views: int) -> dict[str, Any]:
    root = str(Path(rag.__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, str(DRIVER), "concurrency", "--seconds", str(seconds), "--views", str(views)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(result: dict[str, Any], views: int) -> None:
    status, versions = result["writer"]
    assert status == 0, versions
    assert int(versions) >= 3
    for status, said in result["readers"]:
        assert status == 0, said
        assert json.loads(said)["wrong"] == []
        assert json.loads(said)["views"] >= views, "readers must see many states"
    assert result["ok"]
    taken, _, message = result["locked"].partition(" ")
    assert float(taken) < 2
    assert "is being written by process" in message
    assert result["killed"] < 1
    assert result["threads"] == []


@pytest.mark.slow
def test_readers_see_whole_commits_only() -> None:
    check(run(15, 12), 12)
