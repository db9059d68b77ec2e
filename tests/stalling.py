"""Ways in which a model stalls: functions, models, and servers on loopback; and parts that hang.

What hangs is let go at the end of the test module that imports the fixture `let_go`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from misbehaving import STREAM, Server, event, head, http

from rag.llm.backends.callable_model import CallableModel
from rag.llm.chat_model import ChatModel, Request
from rag.llm.language_model import Completion, LanguageModel
from rag.llm.models import language_model

SENTENCE = "Green tea is steeped at 80 degrees [1]. "
_ENDS = [threading.Event()]


@pytest.fixture(autouse=True, scope="module")
def let_go() -> Iterator[None]:
    """End what the module's tests leave hanging; without proxies, and with what servers need imported beforehand."""
    _ENDS[0] = end = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        language_model("openai:tiny", base_url="http://127.0.0.1:9/v1", api_key="none")  # before time is measured
        yield
    end.set()


def hang(*_: object, **__: object) -> None:
    _ENDS[0].wait(60)


class Deaf:
    """A language model that heeds no deadline."""

    name = "deaf"

    def complete(self, messages: object, **_: object) -> Completion:
        hang()
        return Completion((SENTENCE,))


class DeafChat(ChatModel):
    """Writes a sentence and hangs; hears neither deadline nor cancellation."""

    samples = frozenset({"max_tokens"})

    def _complete(self, request: Request) -> Completion:
        hang()
        return Completion((SENTENCE,))

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        yield SENTENCE
        yield "Black"  # the sentence before is complete when the next one begins
        hang()
        return Completion((SENTENCE,))


def sleeps(prompt: str) -> str:
    hang()
    return SENTENCE


def talks(prompt: str) -> Iterator[str]:
    end = _ENDS[0]
    while not end.is_set():
        yield " "


class HangingEntailment:
    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> np.ndarray:
        hang()
        return np.ones(len(premises))


def endless(first: Sequence[bytes], piece: bytes) -> Iterator[bytes | float]:
    yield from first
    while True:
        yield piece
        yield 0.002


MODELS: dict[str, Callable[[], LanguageModel]] = {
    "a function that sleeps": lambda: CallableModel(sleeps),
    "a function that gives white space for ever": lambda: CallableModel(talks),
    "a model that heeds no deadline": Deaf,
    "a stream that heeds no deadline": lambda: DeafChat("deaf chat"),
}
SERVERS: dict[str, Callable[[], bytes | Iterable[bytes | float]]] = {
    "comments for ever": lambda: endless([STREAM], b": ping\n\n"),
    "a token a second": lambda: iter([STREAM, *[event("tea "), 1.0] * 60]),
    "no answer": lambda: iter([60.0]),
    "headers only": lambda: iter([STREAM, 60.0]),
    "half a body": lambda: iter([head(headers="Content-Length: 100\r\n"), b"{", 60.0]),
    "a closed stream": lambda: iter([STREAM, event("Green tea")]),
    "endless reasoning": lambda: endless([STREAM, event("<think>")], event("hm ")),
    "endless white space": lambda: endless([STREAM], event(" \n")),
    "errors that may pass": lambda: http("503 Service Unavailable", b"{}", headers="Retry-After: 0.1\r\n"),
    "too many requests": lambda: http("429 Too Many Requests", b"{}", headers="Retry-After: 3600\r\n"),
}


class _Replies(list):
    def __init__(self, way: str) -> None:
        super().__init__([b""])
        self._way = way

    def __getitem__(self, place: object) -> object:
        return SERVERS[self._way]()


@contextmanager
def stalling_server(way: str) -> Iterator[Server]:
    """Run a server on loopback that stalls in one of the ways of `SERVERS`, at every request."""
    with Server(_Replies(way)) as server:
        yield server


@contextmanager
def stalling_model(way: str) -> Iterator[LanguageModel]:
    """Give a model that stalls in one of the ways of `MODELS` and `SERVERS`."""
    if way in MODELS:
        yield MODELS[way]()
        return
    with stalling_server(way) as server, language_model("openai:tiny", base_url=server.url, api_key="none") as model:
        yield model
