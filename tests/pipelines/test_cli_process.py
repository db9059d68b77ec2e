"""A command started with closed streams, in another encoding, or under a limit of memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pipelines
from pipelines.cli.exit_codes import FAILED, OK

ROOT = str(Path(pipelines.__path__[0]).parent)


def rag(*arguments: str, before: Callable[[], None] | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=300,
        preexec_fn=before,
        env={**os.environ, "PYTHONPATH": ROOT, **env},
    )


def closing(*numbers: int) -> Callable[[], None]:
    return lambda: [os.close(number) for number in numbers] and None


def test_a_closed_output_is_told_and_nothing_is_done(kb: str) -> None:
    done = rag("status", kb, before=closing(1))
    assert (done.returncode, done.stderr) == (
        FAILED,
        b"error: standard output is closed: send it to a file, a pipe or /dev/null\n",
    )
    assert rag("status", kb, before=closing(0, 1, 2)).returncode == FAILED


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["ask", "When does the ferry leave?"], ["chat"], ["evaluate"]])
def test_a_closed_input_or_error_stream_is_an_empty_one(kb: str, arguments: list[str], tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"text": "When does the ferry leave?", "answers": ["noon"]}\n')
    more = [str(questions)] if arguments == ["evaluate"] else arguments[1:]
    for closed in ((0,), (2,)) if arguments[0] == "ask" else ((0, 2),):
        done = rag(arguments[0], kb, *more, before=closing(*closed))
        assert (done.returncode, b"Traceback" in done.stderr) == (OK, False), done.stderr


def test_no_file_gets_the_number_of_a_closed_stream(kb: str) -> None:
    before = {path: path.read_bytes() for path in Path(kb).rglob("*") if path.is_file()}
    assert rag("search", kb, "ferry", "--nonsense", before=closing(2)).returncode == 64
    assert {path: path.read_bytes() for path in Path(kb).rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_terminal_of_ascii_shows_and_takes_what_it_can(kb: str) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "chat", kb],
        input="When does the ferry leave, Ren\u00e9?\n".encode(),
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": ROOT, **ascii_only},
    )
    assert done.returncode == OK, done.stderr
    assert b"noon" in done.stdout
    missing = rag("ask", "kb\u00e9", "\u4f60\u597d?", **ascii_only)
    assert missing.returncode == 64
    assert b"Traceback" not in missing.stderr


@pytest.mark.parametrize("megabytes", [150, 900])
def test_a_limit_of_memory_is_a_sentence(kb: str, megabytes: int) -> None:
    """Below it, native libraries end a process by a signal."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = rag("ask", kb, "When does the ferry leave?", before=limited)
    assert done.returncode == FAILED
    assert done.stderr.startswith(b"error: the address space of this process is limited to"), done.stderr
    assert b"raise the limit" in done.stderr
