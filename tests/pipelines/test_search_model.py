"""``rag search`` and ``rag evaluate`` with a language model: ``auto`` asks it for vague questions, and only then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.cli import run


class Rewriter(BaseHTTPRequestHandler):
    """Asks every question about the ferry."""

    protocol_version = "HTTP/1.1"
    heard: list[str]
    says = '["At what time does the ferry leave?"]'

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append(json.loads(asked["messages"][-1]["content"])["question"])
        said = {"message": {"content": self.says}, "finish_reason": "stop"}
        body = json.dumps({"choices": [said]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    Rewriter.heard = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Rewriter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        yield Rewriter.heard
        server.shutdown()
        thread.join()


def test_a_search_asks_the_model_for_a_vague_question_only(
    kb: str, heard: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", kb, "departure?", "--model", "openai:small", "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [query["text"] for query in told["queries"]] == ["departure?", "At what time does the ferry leave?"]
    assert set(heard) == {"departure?"}
    heard.clear()
    assert run(["search", kb, "When does the barge carry gravel to the mill?", "--model", "openai:small"]) == 0
    assert run(["search", kb, "departure?"]) == 0
    assert heard == []


def test_an_evaluation_rewrites_by_the_model_that_is_named(kb: str, tmp_path: Path, heard: list[str]) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "1", "question": "departure?", "sources": ["boats.md"]}\n')
    assert run(["evaluate", kb, str(questions), "--metrics", "R@5", "--model", "openai:small"]) == 0
    assert heard == ["departure?"]
    cached = ["--model", "openai:small", "--set", f"cache={tmp_path}/answers.sqlite"]
    heard.clear()
    for _ in range(2):
        assert run(["evaluate", kb, str(questions), "--metrics", "R@5", *cached]) == 0
    assert heard == ["departure?"]


def test_an_evaluation_and_a_run_say_what_was_done_without(
    kb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of a rewriter that failed are those of the plain result, and look like its own."""
    monkeypatch.setattr(Rewriter, "says", "I cannot help with that.")
    questions = tmp_path / "questions.jsonl"
    rows = [{"_id": n, "text": t, "question": t, "sources": ["boats.md"]} for n, t in (("a", "ferry"), ("b", "quay"))]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["--rewrite", "multi-query", "--model", "openai:m"]
    run(["evaluate", kb, str(questions), *asked])
    assert "note: 2 of 2 questions: multi-query was left out:" in capsys.readouterr().err
    run(["evaluate", kb, str(questions), *asked, "--json"])
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [(note.partition(":")[0], count) for note, count in notes.items()] == [("multi-query was left out", 2)]
    run(["search", kb, "--questions", str(questions), "--run", str(tmp_path / "run"), *asked])
    assert "note: 2 of 2 questions: multi-query was left out:" in capsys.readouterr().err


def test_a_search_says_what_it_searched_for_in_place_of_the_question(
    kb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, meant = "when does the ferrry leave", "when does the ferry leave"
    assert run(["search", kb, typed]) == 0
    assert f"(searched for: {meant})" in capsys.readouterr().err
    assert run(["search", kb, typed, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["question"], told["searched"]) == (typed, meant)
    run(["ask", kb, typed])
    assert f"(searched for: {meant})" in capsys.readouterr().out
    for plain in ("When does the ferry  leave", "WHEN DOES THE FERRY LEAVE"):  # no other question
        run(["ask", kb, plain])
        run(["search", kb, plain])
        told_nothing = capsys.readouterr()
        assert "searched for" not in told_nothing.out + told_nothing.err
