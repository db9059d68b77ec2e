"""``rag ask`` with a language model that fails or stalls: what scripts read, and the exit code."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from chat_server import ChatServer

from pipelines.cli import run
from rag.llm.backends import retries

QUESTION = "When does the ferry leave?"


def asked(kb: str, server: ChatServer, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict]:
    model = ["--generator", "openai:tiny", "--base-url", server.url, "--rewrite", "none", "--json"]
    code = run(["ask", kb, QUESTION, *model, *more])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"type": "object", "properties": {"when": {"type": "string"}}}))
    return str(path)


@pytest.mark.parametrize(("status", "calls"), [(500, 3), (401, 1)])
def test_a_failing_model_with_a_schema_still_gives_json(
    kb: str,
    chat_server: ChatServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    schema: str,
    status: int,
    calls: int,
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    chat_server.status = status
    code, said = asked(kb, chat_server, capsys, "--schema", schema)
    assert code == 10
    assert (said["degraded"], said["data"], said["usage"]["calls"]) == (True, None, calls)
    assert len(chat_server.requests) == calls
    assert str(status) in said["reason"]
    assert said["citations"][0]["quote"] == "The ferry leaves at noon."
    code, said = asked(kb, chat_server, capsys)
    assert (code, said["degraded"], said["citations"][0]["quote"]) == (0, True, "The ferry leaves at noon.")


def test_a_stalling_model_with_a_schema_costs_the_deadline_and_gives_json(
    kb: str, capsys: pytest.CaptureFixture[str], schema: str
) -> None:
    with ChatServer(lambda _: time.sleep(20) or "", pause=0) as server:
        start = time.monotonic()
        code, said = asked(kb, server, capsys, "--schema", schema, "--deadline", "1")
        assert time.monotonic() - start < 10
    assert (code, said["degraded"], said["data"]) == (10, True, None)
    assert "no answer" in said["reason"]


def test_a_text_that_is_no_json_of_the_schema_is_said(
    kb: str, chat_server: ChatServer, capsys: pytest.CaptureFixture[str], schema: str
) -> None:
    code, said = asked(kb, chat_server, capsys, "--schema", schema)
    assert (code, said["degraded"], said["data"]) == (10, True, None)
    assert "not JSON" in said["reason"]


@pytest.mark.parametrize("name", ["tiny", "openai:tiny", "other"])
def test_the_command_line_says_the_cost_or_that_it_knows_no_price(
    kb: str, chat_server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({name: {"prompt": 1_000_000, "completion": 2_000_000}}))
    server = ["--generator", "openai:tiny", "--base-url", chat_server.url, "--rewrite", "none"]
    code = run(["ask", kb, "When does the ferry leave?", *server, "--set", f"prices={prices}", "--json"])
    said = capsys.readouterr()
    if name == "other":
        assert code == 64
        assert "holds no price of openai:tiny@" in said.err
        return
    usage = json.loads(said.out)["usage"]
    assert usage["cost"] == usage["prompt_tokens"] + 2 * usage["completion_tokens"]


def test_requests_that_gave_nothing_are_told_as_requests(
    kb: str, chat_server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_server.status = 401
    assert (
        run(["ask", kb, QUESTION, "--generator", "openai:tiny", "--base-url", chat_server.url, "--rewrite", "none"])
        == 0
    )
    said = capsys.readouterr().out
    assert "1 request made" in said
    assert "tokens" not in said
