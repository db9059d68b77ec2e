"""What `make demo` promises: the project's own docs answer its questions, with the real model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import NOTHING_FOUND, OK

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kb(read_docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(read_docs, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "kb"


def _questions() -> list[str]:
    return re.findall(r'rag ask demo-kb "(.+)"', (ROOT / "Makefile").read_text(encoding="utf-8"))


def test_the_demo_asks_two_questions() -> None:
    assert len(_questions()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("question", [*_questions(), "How do I delete a document for good?"])
def test_the_docs_answer(kb: Path, question: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", str(kb), question, "--json"]) == OK
    answer = json.loads(capsys.readouterr().out)
    for citation in answer["citations"]:
        text = Path(citation["source"]).read_text(encoding="utf-8")
        assert " ".join(citation["quote"].split()) in " ".join(text.split())
        assert question not in citation["quote"], "a command that asks the question is not an answer to it"


@pytest.mark.slow
def test_the_docs_do_not_answer_everything(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", str(kb), "Who is the president of France?", "--json"]) == NOTHING_FOUND
    assert json.loads(capsys.readouterr().out)["abstained"] is True
