"""``rag serve``: a real process, closed by default."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE
from pipelines.server import serving

from .conftest import BEES, Client

TOKEN = "correct-horse-battery-staple"


@contextmanager
def served(*options: str) -> Iterator[tuple[Client, dict[str, Any], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "pipelines.cli", "serve", *options, "--port", "0", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        told = json.loads(line)
        yield Client(told["address"]), told, process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_several_knowledge_bases_are_asked_together_and_one_by_one(base: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "hives.md").write_text(BEES.replace("2,000", "3,000"))
    assert run(["ingest", str(docs), "--into", str(tmp_path / "hives"), "--embedder", "hashing-64"]) == 0
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with served(str(base), str(tmp_path / "hives"), "--token-file", str(file)) as (client, told, process):
        assert told["knowledge_bases"] == ["all", "drinks", "hives"]
        assert client.post("/v1/search", {"question": "eggs"})[0] == 401
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        asked = {"question": "How many eggs does a queen bee lay a day?"}
        _, both = client.post("/v1/search", asked)
        assert {each["source"] for each in both["passages"]} >= {"bees.md", "hives.md"}
        _, one = client.post("/v1/ask", {**asked, "kb": "hives"})
        assert "3,000" in one["answer"]
        document = both["passages"][0]["document"]
        assert client.get(f"/v1/documents/{document}")[1]["text"]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "docs.example"])
def test_other_machines_need_a_token(base: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(base), "--host", host, "--port", "0"]) == BAD_USAGE
    assert "give --token-file FILE or --keys FILE, or leave --host out" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    serving.refuse_open(host, is_open=True)


@pytest.mark.parametrize(
    ("text", "good"),
    [("x" * 16, True), ("x" * 15, False), ("", False), ("x" * 8 + " " + "x" * 8, False), ("é" * 16, False)],
)
def test_a_token_is_long_enough(
    base: Path, tmp_path: Path, text: str, good: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text(text + "\n", encoding="utf-8")
    if good:
        assert serving.read_token(file) == text
        return
    assert run(["serve", str(base), "--token-file", str(file), "--port", "0"]) == BAD_USAGE
    assert "one token of at least 16 letters" in capsys.readouterr().err


def test_what_cannot_be_served_is_said(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(base), str(base), "--port", "0"]) == BAD_USAGE
    assert "told apart by their names" in capsys.readouterr().err
    assert run(["serve", str(tmp_path), "--port", "0"]) == BAD_USAGE
    assert "no knowledge base" in capsys.readouterr().err
    with serving.listening("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", str(base), "--port", port]) == BAD_USAGE
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("command", "missing"), [("serve", "fastapi"), ("serve", "uvicorn"), ("mcp", "mcp")])
def test_without_the_extra_it_says_what_to_install(base: Path, command: str, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from pipelines.cli import run; sys.exit(run(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    asked = [sys.executable, "-c", code, command, str(base)]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "pip install 'rag-workbench[" in done.stderr
    assert missing in done.stderr
