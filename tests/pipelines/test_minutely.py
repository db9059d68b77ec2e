"""Without a terminal long work says a line a minute, and an end by a signal says how to go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rag
from pipelines.cli import minutely, run as cli
from pipelines.cli.minutely import Told, a_line_a_minute, duration
from pipelines.cli.output import progress_bar
from rag import Document, KnowledgeBase
from rag.retrieval.retriever import Retriever

ENVIRONMENT = {"PYTHONPATH": str(Path(rag.__path__[0]).parent), "PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1"}


def test_a_line_says_how_far_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(minutely.time, "monotonic", lambda: now[0])
    told = Told()
    now[0] += 60
    assert told.line() == "60 s: working"
    told.update(total=300)
    assert told.line() == "60 s: 0 of 300"
    told.update(total=300, completed=75, description="questions", rate="ignored")
    now[0] += 120
    assert told.line() == "3 min: 75 of 300, about 9 min left, questions"
    told.update(completed=300)
    assert told.line() == "3 min: 300 of 300, questions"
    assert (duration(40), duration(3 * 3600)) == ("40 s", "3.0 h")


def test_it_comes_while_no_step_ends_and_stops_with_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(minutely, "EVERY_S", 0.02)
    with a_line_a_minute() as update:
        update(total=10, completed=1, description="one\nline")
        said = ""
        while said.count("\n") < 3:
            time.sleep(0.02)
            said += capsys.readouterr().err
    assert all(re.fullmatch(r"\d+ s: 1 of 10, about \d+ s left, one line", line) for line in said.splitlines()[1:])
    capsys.readouterr()
    time.sleep(0.1)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("show", [True, False])
def test_a_bar_is_a_line_a_minute_where_there_is_no_terminal(
    show: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(minutely, "EVERY_S", 0.02)
    with progress_bar(show, "bar", "count") as update:
        assert update is not None
        update(total=4, completed=2, chunks=7)
        said = ""
        while "2 of 4" not in said:
            time.sleep(0.02)
            said += capsys.readouterr().err


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as base:
        base.add([Document.from_text(f"Otter {n} sleeps in river {n}.", id=str(n)) for n in range(5)])
    rows = [{"id": str(n), "text": f"Where does otter {n} sleep?", "documents": [str(n)]} for n in range(5)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "kb"


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "{kb}", "{q}"],
        ["evaluate", "{kb}", "{q}", "--json"],
        ["search", "{kb}", "--questions", "{q}", "--run", "{kb}.trec"],
        ["verify", "{kb}"],
        ["reindex", "{kb}", "--index", "flat"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[3:4]),
)
def test_commands_are_not_silent(
    arguments: list[str], kb: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(minutely, "EVERY_S", 0.05)

    def slowly(method):  # type: ignore[no-untyped-def]
        def slow(*given, **options):  # type: ignore[no-untyped-def]
            time.sleep(0.5)
            return method(*given, **options)

        return slow

    for owner, name in ((Retriever, "search_many"), (KnowledgeBase, "verify"), (KnowledgeBase, "reindex")):
        monkeypatch.setattr(owner, name, slowly(getattr(owner, name)))
    assert cli([each.format(kb=kb, q=kb.parent / "q.jsonl") for each in arguments]) == 0
    said = capsys.readouterr()
    assert re.search(r"^\d+ s: ", said.err, re.MULTILINE)
    if "--json" in arguments:
        assert json.loads(said.out)["metrics"]


SLOW = """
import sys, time
from pipelines.experiments import stages
from rag.evaluation import collecting
from rag.retrieval.retriever import Retriever
ask = Retriever.search_many
def slowly(*given, **options):
    print("asked", flush=True)
    time.sleep({pause})
    return ask(*given, **options)
Retriever.search_many = slowly
stages._QUICK = 1
from pipelines.cli import main
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals of Linux")
@pytest.mark.parametrize(
    ("what", "how_to_go_on"),
    [
        ("experiment", r"What is done is kept in .*: the same command goes on where it stopped"),
        ("evaluate", r"No outcome is kept: the same command asks from the beginning"),
    ],
)
def test_a_request_to_end_says_how_to_go_on(what: str, how_to_go_on: str, kb: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for n in range(5):
        (tmp_path / "docs" / f"{n}.txt").write_text(f"Otter {n} sleeps in river {n}.")
    toml = tmp_path / "e.toml"
    toml.write_text(
        'corpus = "docs"\nquestions = "q.jsonl"\n[measure]\nmetrics = ["RR"]\nlatency = 0\n'
        '[vary]\nembedder = "hashing-32"\n'
    )
    arguments = ["experiment", str(toml), "--out", str(tmp_path / "out")]
    if what == "evaluate":
        arguments = ["evaluate", str(kb), str(tmp_path / "q.jsonl")]
    command = [sys.executable, "-c", SLOW.format(pause=0.4), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **ENVIRONMENT}, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "asked\n"
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert re.search(how_to_go_on, said)
    assert "interrupted" in said
    if what == "experiment":
        assert cli([*arguments, "--resume"]) == 0
