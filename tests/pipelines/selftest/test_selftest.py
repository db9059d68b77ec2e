"""``rag selftest``: each check holds here, and fails when its defect is planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines
from pipelines.cli import run
from pipelines.selftest.promises import NOT_BUILT, PROMISES
from pipelines.selftest.running import chosen

ROOT = Path(pipelines.__path__[0]).parent
QUICK = ("reports", "metrics", "code", "identity", "paths", "deleting")
DEFECTS = (
    "reports", "engines", "bad_files", "metrics", "code", "concurrency", "identity", "paths", "text", "isolation",
    "citations", "deleting", "repeating", "keys", "injection", "linear_time", "leaks",
)  # fmt: skip


def test_every_promise_has_a_check() -> None:
    numbers = [promise.number for promise in PROMISES] + [*NOT_BUILT]
    assert sorted(numbers, key=lambda number: int(number[1:])) == [f"P{n}" for n in range(1, 24)]
    for promise in PROMISES:
        assert (ROOT / "pipelines" / "selftest" / f"{promise.check}.py").exists()


@pytest.mark.slow
def test_quick_checks_hold_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = [part for name in QUICK for part in ("--only", name)]
    assert run(["selftest", "--in", str(tmp_path), *only, "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [each["check"] for each in checks] == [p.check for p in PROMISES if p.check in QUICK]
    assert all(each["tried"] and not each["failed"] for each in checks)
    assert list(tmp_path.iterdir()) == []


def test_names_and_numbers_choose_and_others_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert [promise.check for promise in chosen(["p7", "kills"])] == ["kills", "metrics"]
    assert run(["selftest", "--only", "luck"]) == 64
    assert "there are: kills, damage" in capsys.readouterr().err
    assert run(["selftest", "--in", str(tmp_path / "no"), "--only", "metrics"]) == 4
    assert "choose another folder by --in" in capsys.readouterr().err


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["selftest", "--in", str(tmp_path), "--only", "P7"]) == 0
    said = capsys.readouterr().out
    assert "P7   holds" in said
    assert "1 of 1 promises hold" in said
    assert "P10 is not checked" in said


@pytest.mark.slow
def test_the_other_checks_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills, damage, disk and concurrency have tests of their own, with many more trials."""
    wanted = [p.check for p in PROMISES if p.check not in {*QUICK, "kills", "damage", "disk", "concurrency"}]
    assert run(["selftest", "--in", str(tmp_path), "--json", *(f"--only={name}" for name in wanted)]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [(each["check"], each["bad"]) for each in checks] == [(name, []) for name in wanted]


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_caught(name: str) -> None:
    few = ["--questions", "60", "--ingests", "4"] if name == "leaks" else []
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("planted.py")), name, "--defect", name, "--check", "1", *few],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    caught = done.returncode != 0 or json.loads(done.stdout)["failed"]
    assert caught, done.stdout
