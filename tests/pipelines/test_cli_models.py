from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE, OK
from rag.embedding import models
from rag.embedding.models import EmbeddingModel


@pytest.fixture
def model(tmp_path, monkeypatch):
    """One model on this machine, which is also what any fetching brings."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"12345678")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    made = EmbeddingModel("someone/model", folder)
    monkeypatch.setattr(models, "local_models", lambda: [made])
    monkeypatch.setattr("rag.embedding.model_fetching.fetch_model", lambda name, wheel: made)
    return made


def test_fetch_and_list_say_what_is_there(model, capsys):
    assert run(["models", "fetch"]) == OK
    assert capsys.readouterr().out == f"someone/model is in {model.folder}\n"
    expected = {"name": "someone/model", "dim": None, "runtime": "openvino", "bytes": 8, "folder": str(model.folder)}
    assert run(["models", "fetch", "someone/model", "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == expected
    assert run(["models", "list", "--json"]) == OK
    assert json.loads(capsys.readouterr().out) == [expected]
    assert run(["models", "list"]) == OK
    assert "someone/model" in capsys.readouterr().out


def test_an_empty_machine_is_told_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(models, "local_models", list)
    assert run(["models", "list"]) == OK
    assert "rag models fetch" in capsys.readouterr().out


def test_version_says_what_a_report_needs(capsys):
    assert run(["--version"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"rag-workbench {version('rag-workbench')}"
    assert run(["--version", "--json"]) == OK
    facts = json.loads(capsys.readouterr().out)
    assert [line.partition(":")[0] for line in lines[1:]] == list(facts)[1:]
    assert facts["packages"]["openvino"] == version("openvino")
    assert facts["executable"] == sys.executable
    assert facts["cache"] == os.environ["RAG_CACHE_DIR"]
    assert facts["processor"][0]


def test_version_without_the_model_says_the_command(monkeypatch, capsys):
    monkeypatch.setattr(models, "local_model", lambda _: None)
    assert run(["--version"]) == OK
    assert "default model: absent: rag models fetch" in capsys.readouterr().out


def test_json_alone_is_refused(capsys):
    assert run(["--json"]) == BAD_USAGE
    assert "--version" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell):
    words = {"COMP_WORDS": "rag mod", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "rag mod"}
    env = {**os.environ, **words, "_RAG_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pipelines.cli"], check=False, env=env, capture_output=True, text=True
    )
    assert "models" in done.stdout, done
