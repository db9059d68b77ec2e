"""A key in the environment and in the server's address is in nothing that the command line prints, logs or keeps."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.cli import run

ENVIRONMENT, ADDRESS, PASSWORD = (f"sk-canary-{place}-0123456789" for place in ("environment", "address", "password"))
CANARIES = (ENVIRONMENT, ADDRESS, PASSWORD)
TRUE = "The ferry leaves at noon [1]."


class Echo(BaseHTTPRequestHandler):
    """Answers well, or refuses and says the key back, by the name of the model."""

    protocol_version = "HTTP/1.1"
    heard: list[str]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append(f"{self.path} {self.headers.get('Authorization')}")
        said = " ".join([self.path, *self.headers.values()])
        status, reply = 200, {"choices": [{"message": {"content": TRUE}, "finish_reason": "stop"}]}
        if asked["model"] != "good":
            status, reply = int(asked["model"]), {"error": {"message": f"no: {said}"}}
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Key", said)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Echo.heard = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OPENAI_API_KEY", ENVIRONMENT)
        yield f"http://user:{PASSWORD}@127.0.0.1:{server.server_port}/v1?key={ADDRESS}"
        server.shutdown()
        thread.join()


@pytest.fixture
def kb(tmp_path: Path) -> str:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "boats.md").write_text("# Boats\n\nThe ferry leaves at noon. The barge carries gravel to the mill.\n")
    assert run(["ingest", str(docs), "--into", str(tmp_path / "kb"), "--embedder", "hashing-64"]) == 0
    return str(tmp_path / "kb")


def test_a_key_is_nowhere_to_be_read(
    url: str,
    kb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("RAG_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"id": "1", "question": "When does the ferry leave?", "answers": ["noon"], "sources": ["boats.md"]}\n'
    )
    said = []
    for model in ("good", "400", "401", "404", "500"):
        by = ["--generator", f"openai:{model}", "--base-url", url, "--deadline", "2"]
        cache = ["--cache", str(tmp_path / f"cache-{model}")]
        asked = ["ask", kb, "When does the ferry leave?", *by]
        monkeypatch.setattr("sys.stdin", io.StringIO("When does the ferry leave?\nAnd the barge?\n"))
        for command in (
            [*asked, *cache],
            [*asked, *cache, "--json"],
            [*asked, "--rewrite", "hyde"],
            ["chat", kb, *by, "--memory", str(tmp_path / "memory")],
        ):
            code = run(command)
            out, err = capsys.readouterr()
            said.append((command, code, out, err))
    assert [command for command, _, out, _ in said if "noon" not in out] == []  # the model's answer, or quotes
    assert len(Echo.heard) > 20
    assert all(ADDRESS in heard for heard in Echo.heard)  # the address was used whole
    assert len(caplog.records) > 100
    shown = "".join(out + err for _, _, out, err in said) + caplog.text
    assert [canary for canary in CANARIES if canary in shown] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"store.sqlite", "cache-good"} <= {path.name for path in files}
    assert [(p.name, c) for p in files for c in CANARIES if c.encode() in p.read_bytes()] == []
