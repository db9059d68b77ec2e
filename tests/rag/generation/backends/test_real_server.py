"""A real OpenAI-compatible server on loopback: ``transformers serve`` with the tiny model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Message, Sampling, language_model
from rag.generation.backends.transformers_chat import TransformersChat

pytest.importorskip("accelerate", reason="transformers serve needs accelerate")
ASK = [Message("system", "Be brief."), Message("user", "What is an index?")]


@pytest.fixture(scope="module")
def url(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = Path(sys.executable).with_name("transformers")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [command, "serve", tiny_folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
            stdout=out,
            stderr=out,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            _wait(port, process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")


def test_it_says_what_the_model_says_in_this_process(url, tiny_folder):
    sampling = Sampling(max_tokens=24)
    here = TransformersChat(str(tiny_folder)).complete(ASK, sampling=sampling)
    with language_model(f"openai:{tiny_folder}", base_url=url) as model:
        whole = model.complete(ASK, sampling=sampling, deadline=60)
        pieces = model.stream(ASK, sampling=sampling, deadline=60)
        streamed = "".join(pieces)
    assert here.text == whole.text == streamed
    assert len(here.text) > 20
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (here.usage.prompt_tokens, 24)
    assert pieces.completion.usage.completion_tokens == 24
    assert whole.incomplete == here.incomplete == pieces.completion.incomplete is True  # max_tokens
    assert whole.usage.calls == 1


def test_seeds_and_several_answers(url, tiny_folder):
    sampling = Sampling(temperature=1.0, top_p=0.9, seed=3, n=2, max_tokens=12)
    with language_model(f"openai:{tiny_folder}", base_url=url) as model:
        once, again = (model.complete(ASK, sampling=sampling, deadline=60) for _ in range(2))
    assert once.texts == again.texts
    assert once.texts[0] != once.texts[1]
