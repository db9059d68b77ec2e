"""The first programs of newcomers run, are no longer than those of other libraries, and are the pages'."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # the program that the page names

import newcomers  # noqa: E402

TASKS = list(newcomers.SAYS)


@pytest.mark.parametrize("task", TASKS)
def test_ours_is_as_short_as_the_shortest(task: str) -> None:
    counted = {file.stem: newcomers.lines(file) for file in (newcomers.PROGRAMS / task).glob("with_*.py")}
    ours = counted.pop("with_rag")
    assert ours <= min(counted.values()), counted


@pytest.mark.slow
def test_ours_run_twice() -> None:
    with newcomers.model_server() as address:
        assert list(newcomers.tried("rag", sys.executable, address)) == TASKS


def test_the_page_shows_the_programs_that_are_run() -> None:
    page = (ROOT / "docs" / "how-to" / "coming-from.md").read_text(encoding="utf-8")
    shown = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    kept = {file.read_text(encoding="utf-8") for file in newcomers.PROGRAMS.glob("*/with_*.py")}
    assert shown
    assert set(shown) <= kept
