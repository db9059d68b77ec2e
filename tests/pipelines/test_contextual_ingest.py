"""``rag ingest`` with lines of context by a language model: what it cost is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_server import ChatServer

from pipelines.cli import run


def test_what_the_lines_cost_is_said(
    tmp_path: Path, chat_server: ChatServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url)
    chat_server.say = lambda _: "The ferry of the island"
    (tmp_path / "ferry.txt").write_text(" ".join(f"Line {n} leaves at {n % 24} sharp." for n in range(40)))
    making = ["--embedder", "hashing-64", "--chunker", "contextual:llm=openai:tiny,of=tokens:64/0"]
    code = run(["ingest", str(tmp_path / "ferry.txt"), "--into", str(tmp_path / "kb"), *making, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["language_model"]["calls"] == len(chat_server.requests) == said["chunks"] > 2
    assert run(["search", str(tmp_path / "kb"), "island ferry", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passages"][0]["heading"] == ["The ferry of the island"]
    (tmp_path / "boat.txt").write_text(" ".join(f"Boat {n} leaves at {n % 24} sharp." for n in range(40)))
    assert run(["ingest", str(tmp_path / "boat.txt"), "--into", str(tmp_path / "kb")]) == 0
    assert "language model:" in capsys.readouterr().out
