"""Damaged files: always an error that names the file, or the right answers; never wrong ones, a crash or a hang."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.pipelines.selftest.driving import trials

run = partial(trials, "damage")


def check(result: dict[str, Any], trials: int) -> None:
    assert result["bad"] == []
    assert result["files"] >= 18
    assert result["trials"] >= trials
    assert result["refused"] + result["right"] == result["trials"]
    # What may be right all the same: the lock's text, the shared memory, bits of pages that are not read.
    assert result["refused"] > 0.75 * result["trials"]


# Few bits of a database change an answer: without page checksums most flips are found out by what reads the page.
@pytest.mark.parametrize(("defect", "flips", "only"), [("digest", "30", "*"), ("checksum", "600", "store.sqlite")])
@pytest.mark.slow
def test_a_planted_defect_is_caught(defect: str, flips: str, only: str) -> None:
    assert run("--flips", flips, "--cuts", "0", "--defect", defect, "--only", only)["bad"]


@pytest.mark.slow
def test_no_damage_passes_unseen() -> None:
    check(run("--flips", "20", "--cuts", "8"), 600)
