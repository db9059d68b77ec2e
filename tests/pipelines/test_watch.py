"""``rag watch``: a real process that follows a real folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE
from rag import HashingEmbedder, KnowledgeBase

pytest.importorskip("watchfiles")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "otters.txt").write_text("Otters swim at night.")
    KnowledgeBase.create(docs / "kb", embedder=HashingEmbedder(64)).close()  # inside: its own changes do not count
    return tmp_path


@pytest.fixture
def watching(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pipelines.cli", "watch", "docs", "docs/more.txt", "--into", "docs/kb", "--json"]
    (folder / "docs" / "more.txt").write_text("Kelp grows fast.")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONFAULTHANDLER": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


def round_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out: IO[str] | None = process.stdout
    assert out is not None
    line = out.readline()
    assert line, process.communicate()[1]
    found: dict[str, Any] = json.loads(line)
    return found


def ended(process: subprocess.Popen[str]) -> int:
    """Press Ctrl-C; say where it hangs if it does."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        return process.wait(60)
    process.send_signal(signal.SIGABRT)
    raise AssertionError(process.communicate()[1])


@pytest.mark.slow
def test_it_follows_new_changed_replaced_and_deleted_files_and_ends_quietly(
    folder: Path, watching: subprocess.Popen[str]
) -> None:
    docs = folder / "docs"
    assert round_of(watching)["added"] == 2
    (docs / "sub").mkdir()
    (docs / "sub" / "badgers.md").write_text("# Badgers\n\nBadgers dig setts.")
    assert round_of(watching)["added"] == 1
    (folder / "new").write_text("Otters swim at dusk.")
    (folder / "new").replace(docs / "otters.txt")  # as editors save
    assert round_of(watching)["changed"] == 1
    (docs / "sub" / "badgers.md").unlink()
    assert round_of(watching)["removed"] == 1
    assert ended(watching) == 0
    with KnowledgeBase.open(docs / "kb", embedder=HashingEmbedder(64)) as kb:
        assert kb.document("docs/otters.txt").text == "Otters swim at dusk."
        assert kb.status().documents == 2


def test_a_path_that_is_not_there_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", str(folder / "nowhere"), "--into", str(folder / "kb")]) == BAD_USAGE
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_folders_of_data_sets_are_followed_and_collections_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipelines.cli.watch import _rounds

    corpus = folder / "docs" / "corpus.jsonl"
    corpus.write_text('{"_id": "1", "text": "Otters swim."}\n')
    for prefix in ("beir:", "datasets:"):
        rounds = _rounds([f"{prefix}{corpus.parent}"], folder / "docs" / "kb")
        next(rounds)
        corpus.write_text(corpus.read_text() + "\n")
        next(rounds)
        rounds.close()  # type: ignore[attr-defined]
    assert run(["watch", "ir_datasets:beir/scifact", "--into", str(folder / "docs" / "kb")]) == BAD_USAGE
    assert "rag ingest reads it" in " ".join(capsys.readouterr().err.split())
