"""Commands with a server that never answers: each ends in time, with what was found, and says what it did without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from chat_server import ChatServer
from stalling import let_go, stalling_server
from timing import within

from pipelines.cli import run

__all__ = ["let_go"]

QUESTION = "When does the ferry leave?"
Rag = Callable[..., subprocess.CompletedProcess[str]]


def rag(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not re.search("(?i)openai|proxy", name)}
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("deadlines")
    (place / "boats.md").write_text("# Boats\n\nThe ferry leaves at noon. The barge carries gravel to the mill.\n")
    assert run(["ingest", str(place / "boats.md"), "--into", str(place / "kb"), "--embedder", "hashing-64"]) == 0
    return str(place / "kb")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with stalling_server("comments for ever") as server:
        yield server.url


@pytest.fixture(scope="module")
def usual(kb: str) -> float:
    """How long a command takes whose server answers: a process is slow to begin where the machine is busy."""
    taken = []
    with ChatServer() as server:
        for _ in range(2):
            start = time.monotonic()
            done = rag("ask", kb, QUESTION, "--generator", "openai:m", "--base-url", server.url)
            taken.append(time.monotonic() - start)
            assert done.returncode == 0, done.stderr
    return max(taken)


@pytest.fixture(scope="module")
def seconds(usual: float) -> float:
    """The deadline: a search that waits for no server ends within it."""
    return max(2.0, 2 * usual)


@pytest.fixture(scope="module")
def in_time(usual: float, seconds: float) -> Rag:
    """Run a command that must end within its deadline and half a second, beside what a process needs for itself."""
    limit = seconds + 0.5 + 1.5 * usual
    return lambda *arguments, **options: within(limit, partial(rag, *arguments, **options))


@pytest.fixture(scope="module")
def asked(url: str, seconds: float) -> list[str]:
    return ["--generator", "openai:m", "--base-url", url, "--deadline", str(seconds)]


@pytest.mark.slow
def test_ask_shows_quotes(in_time: Rag, kb: str, asked: list[str]) -> None:
    done = in_time("ask", kb, QUESTION, *asked)
    assert done.returncode == 0, done.stderr
    assert '"The ferry leaves at noon."' in done.stdout
    assert "(degraded: the generator failed: LLMTimeout" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_ask_prints_json(in_time: Rag, kb: str, asked: list[str], seconds: float, usual: float) -> None:
    done = in_time("ask", kb, QUESTION, "--json", *asked)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["degraded"], said["citations"][0]["quote"]) == (True, "The ferry leaves at noon.")
    assert said["timings"]["total"] < seconds + 0.5 + usual


@pytest.mark.slow
def test_a_conversation_goes_on(in_time: Rag, kb: str, asked: list[str], tmp_path: Path) -> None:
    done = in_time("chat", kb, "--memory", str(tmp_path / "memory"), "--json", *asked, stdin=QUESTION)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["degraded"], said["citations"][0]["quote"]) == (True, "The ferry leaves at noon.")
    late = rag("chat", kb, "--deadline", "0.001", stdin=f"{QUESTION}\n/quit\n")
    assert late.returncode == 0, "a deadline that passes before the search ends costs the question"
    assert "error: the deadline of 0.001 s passed before passages were found" in late.stdout


@pytest.mark.slow
def test_search_explains_what_was_found(in_time: Rag, kb: str, url: str, seconds: float) -> None:
    model = ["--model", "openai:m", "--base-url", url, "--deadline", str(seconds)]
    done = in_time("search", kb, "ferry?", "--explain", *model)
    assert done.returncode == 0, done.stderr
    assert "boats.md" in done.stdout
    assert "auto did without its language model" in done.stderr


@pytest.mark.slow
def test_evaluate_counts_the_question_as_failed_and_ends(
    in_time: Rag, kb: str, url: str, seconds: float, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"_id": "1", "text": QUESTION, "answers": ["at noon"]}) + "\n")
    changed = (f"deadline={seconds}", "generator=openai:m", f"base_url={url}", "rewrite=none")
    sets = [f"--set={each}" for each in changed]
    done = in_time("evaluate", kb, str(questions), "--metrics", "f1", *sets, "--json")
    assert done.returncode == 2, done.stderr
    assert "the generator failed: LLMTimeout" in done.stdout
