"""A real OpenAI-compatible server on loopback: ``transformers serve`` with the tiny model."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Message, Sampling, language_model
from rag.llm.backends.transformers_chat import TransformersChat

pytest.importorskip("accelerate", reason="transformers serve needs accelerate")
ASK = [Message("system", "Be brief."), Message("user", "What is an index?")]


@pytest.fixture(scope="module")
def url(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("serve") / "log"
    process, port = _started(tiny_folder, log)
    yield f"http://127.0.0.1:{port}/v1"
    process.kill()
    process.wait()


def _started(model: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server and wait until it listens; another process may take the port first, then on another one."""
    command = Path(sys.executable).with_name("transformers")
    end = time.monotonic() + 280
    while time.monotonic() < end:
        port = random.SystemRandom().randrange(20_000, 32_000)  # below those that the kernel gives to others
        with log.open("wb") as out:
            process = subprocess.Popen(
                [command, "serve", model, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
                stdout=out,
                stderr=out,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        while process.poll() is None and time.monotonic() < end:
            if f"http://127.0.0.1:{port}" in log.read_text(errors="replace"):  # said when the port is its own
                return process, port
            time.sleep(0.1)
        process.kill()
        process.wait()
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.mark.slow
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


@pytest.mark.slow
def test_seeds_and_several_answers(url, tiny_folder):
    sampling = Sampling(temperature=1.0, top_p=0.9, seed=3, n=2, max_tokens=12)
    with language_model(f"openai:{tiny_folder}", base_url=url) as model:
        once, again = (model.complete(ASK, sampling=sampling, deadline=60) for _ in range(2))
    assert once.texts == again.texts
    assert once.texts[0] != once.texts[1]
