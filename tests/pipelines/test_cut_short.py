"""Commands that are killed, run out of disk, or see a clock that goes backwards: run again, they end as usual."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from forked_commands import ForkedCommands

import pipelines
from pipelines.cli import run
from pipelines.cli.exit_codes import OK, STORE_UNWRITABLE
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from tests.rag.store.stepping import spread

ROOT = str(Path(pipelines.__path__[0]).parent)
DRIVER = Path(__file__).with_name("cut_short_driver.py")
E = HashingEmbedder(64)


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def command() -> Iterator[Command]:
    """A command in a process of its own, killed at a step; 0 counts the steps."""
    with ForkedCommands({**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}, DRIVER) as commands:
        yield lambda step, *arguments, **options: commands.run(str(step), *arguments, **options)


@pytest.fixture(scope="module")
def world(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents, of which two have vanished since they were ingested, and questions."""
    place = tmp_path_factory.mktemp("world")
    (place / "docs").mkdir()
    for n in range(12):
        (place / "docs" / f"boat{n}.md").write_text(f"# Boat {n}\n\nBoat {n} leaves the harbour at {n + 6} o'clock.\n")
    rows = [
        {"text": text.format(n), "documents": [f"docs/boat{n}.md"], "answers": [f"{n + 6} o'clock"]}
        for n in range(12)
        for text in ("When does boat {} leave?", "At what time does boat {} leave the harbour?")
    ] + [{"text": f"Who painted the {n}th bridge?", "unanswerable": True} for n in range(12)]
    (place / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command(0, "ingest", "docs", "--into", "kb", "--embedder", "hashing-64", cwd=place).returncode == OK
    (place / "docs" / "boat3.md").unlink()
    (place / "docs" / "boat4.md").unlink()
    (place / "docs" / "boat5.md").write_text("# Boat 5\n\nBoat 5 lies in the dock.\n")
    return place


def told(folder: Path) -> tuple[list[str], bool, bool]:
    """Return documents, whether there is a calibration, and whether all is well."""
    with KnowledgeBase.open(folder, embedder=E) as kb, kb._store.session.reading() as db:
        settings = [row[0] for row in db.execute("select key from meta where key like 'setting:calibration%'")]
        report = kb.verify()
        return kb.document_ids(), bool(settings), report.ok and not report.leftovers


COMMANDS = {
    "prune": ("ingest", "docs", "--into", "{}/kb", "--prune"),
    "calibrate": ("calibrate", "{}/kb", "q.jsonl"),
    "chat": ("chat", "{}/kb", "--memory", "{}/mem", "--user", "ada"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_killed_at_any_step_ends_as_usual_the_second_time(
    world: Path, command: Command, tmp_path: Path, name: str
) -> None:
    said = "When does boat 7 leave?\nAnd boat 8?\n" if name == "chat" else ""

    def rag(place: Path, step: int) -> subprocess.CompletedProcess[str]:
        return command(step, *(part.format(place) for part in COMMANDS[name]), cwd=world, said=said)

    def fresh(title: str) -> Path:
        shutil.copytree(world / "kb", tmp_path / title / "kb")
        return tmp_path / title

    whole = fresh("whole")
    done = rag(whole, 0)
    assert done.returncode == OK, done.stderr
    steps, expected = int(re.findall(r"steps (\d+)", done.stderr)[-1]), told(whole / "kb")
    assert steps > 5
    killed = 0
    for step in spread(steps, 10):
        place = fresh(str(step))
        killed += rag(place, step).returncode == -signal.SIGKILL
        again = rag(place, 0)
        assert again.returncode == OK, f"step {step}: {again.stderr}"
        assert told(place / "kb") == expected, f"step {step}"
        shutil.rmtree(place)
    assert killed >= min(steps, 10) - 2, "the kills landed where it matters"


EXPERIMENT = """
name = "boats"
corpus = "docs"
questions = "q.jsonl"
[measure]
metrics = ["nDCG@10"]
[vary]
embedder = ["hashing-64"]
fusion = ["rrf", "zscore"]
"""


def limited(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # writes beyond it fail, as on a full disk


@pytest.mark.slow
def test_an_experiment_on_a_full_disk_says_so_and_goes_on_when_there_is_space(
    world: Path, command: Command, tmp_path: Path
) -> None:
    (world / "e.toml").write_text(EXPERIMENT)
    arguments = ["experiment", "e.toml", "--json", "--out"]
    rag = [sys.executable, "-m", "pipelines.cli", *arguments]
    options = {"capture_output": True, "text": True, "cwd": world, "timeout": 300}
    environment = {**os.environ, "PYTHONPATH": ROOT}
    whole = command(0, *arguments, str(tmp_path / "whole"), cwd=world)
    assert whole.returncode == OK, whole.stderr
    figures = [row["metrics"] for row in json.loads(whole.stdout)["rows"]]
    refused = 0
    for size in (0, 500, 2_000, 5_000, 20_000, 50_000, 100_000, 200_000):
        out = tmp_path / str(size)
        before = partial(limited, size)
        full = subprocess.run([*rag, str(out)], env=environment, check=False, preexec_fn=before, **options)
        assert full.returncode in {OK, 2, STORE_UNWRITABLE}, full.stderr
        assert "unexpected" not in full.stderr
        refused += full.returncode != OK
        again = command(0, *arguments, str(out), cwd=world)
        assert again.returncode == OK, again.stderr
        assert [row["metrics"] for row in json.loads(again.stdout)["rows"]] == figures, f"{size} bytes"
    assert refused >= 4


@pytest.mark.slow
def test_a_clock_that_goes_backwards_changes_nothing(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    chat = ["chat", "kb", "--memory", "mem", "--memory-days", "30", "--user", "ada", "--session", "s"]
    path = Path("docs/boat.md")
    for n, passed in enumerate((0.0, -400 * 86_400.0, 3_600.0, -7_200.0), start=1):
        now[0] += passed
        path.write_text(f"# Boat 9\n\nBoat 9 leaves at {n} o'clock, and no later.\n")
        os.utime(path, (now[0], now[0]))
        new = ["--embedder", "hashing-64"] if n == 1 else []
        assert run(["ingest", "docs", "--into", "kb", *new, "--json"]) == OK
        report = json.loads(capsys.readouterr().out)
        assert report["added"] + report["changed"] == 1, "a change is seen whatever the time of the file"
        assert run(["ask", "kb", "When does boat 9 leave?"]) == OK
        assert f"leaves at {n} o'clock" in capsys.readouterr().out
        monkeypatch.setattr("sys.stdin", io.StringIO("When does boat 9 leave?\n"))
        assert run(chat) == OK
        assert f"leaves at {n} o'clock" in capsys.readouterr().out
        assert run(["ingest", "docs", "--into", "kb", "--json"]) == OK
        assert json.loads(capsys.readouterr().out)["unchanged_files"] == 1
        assert run(["verify", "kb"]) == OK
        capsys.readouterr()
    assert run(["memory", "list", "mem", "--json"]) == OK
    (session,) = json.loads(capsys.readouterr().out)
    assert session["turns"] + session["memories"] >= 4, "no turn is lost"
