"""Conversations that the server keeps: for each reader alone, over a restart, and only where it was told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.server.app import application
from pipelines.server.collections import Collection, Collections
from pipelines.server.guard import Access
from pipelines.server.memories import Memories
from pipelines.server.principals import Principal, digest_of
from rag import Bot, KnowledgeBase

from .conftest import LIMITS, LOOPBACK, Client, running
from .test_own_api import events

ASKED = "At how many degrees is green tea steeped?"
ANN, BEN = "ann-" + "k" * 20, "ben-" + "k" * 20


@contextmanager
def served(base: Path, folder: Path | None, seen: list[str], *, access: Access = LOOPBACK) -> Iterator[Client]:
    def model(prompt: str) -> str:
        seen.append(prompt)
        return "Green tea is steeped at 80 degrees [1]."

    with KnowledgeBase.open(base) as kb, Bot(kb, model) as bot:
        collections = Collections([Collection.of("drinks", bot)], [kb])
        app = application(collections, access, LIMITS, memories=Memories(folder))
        with running(app, LIMITS) as url:
            yield Client(url)


def ask(client: Client, question: str = ASKED, **body: Any) -> tuple[int, Any]:
    return client.post("/v1/ask", {"question": question, **body})


def test_a_conversation_goes_on_over_a_restart_and_is_nobody_elses(base: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    ada = {"session": "monday", "user": "ada"}
    with served(base, tmp_path, seen) as client:
        assert ask(client, "How hot is tea from pineapples?", **ada)[0] == 200
        assert ask(client, **ada)[0] == 200
        assert "pineapples" in seen[-1]
    with served(base, tmp_path, seen) as client:
        _, _, data = client.send("POST", "/v1/ask", {"question": ASKED, "stream": True, **ada})
        assert events(data)[-1][0] == "answer"
        assert "pineapples" in seen[-1]
        for other in (
            {"session": "tuesday", "user": "ada"},
            {"session": "monday", "user": "eve"},
            {"session": "monday"},
        ):
            assert ask(client, **other)[0] == 200
            assert "pineapples" not in seen[-1]
        assert ask(client)[0] == 200
        assert "pineapples" not in seen[-1]


def test_a_streamed_turn_is_kept(base: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    with served(base, tmp_path, seen) as client:
        asked = {"question": "How hot is tea from pineapples?", "stream": True, "session": "monday"}
        client.send("POST", "/v1/ask", asked)
        ask(client, session="monday")
        assert "pineapples" in seen[-1]


def test_no_user_reaches_the_memory_of_another_key(base: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    readers = {ANN: Principal("ann", None, frozenset({"read"})), BEN: Principal("ben", None, frozenset({"read"}))}
    access = Access(keys={digest_of(key): reader for key, reader in readers.items()})
    with served(base, tmp_path, seen, access=access) as client:
        client.headers = {"Authorization": f"Bearer {ANN}"}
        ask(client, "How hot is tea from pineapples?", session="monday", user="x")
        client.headers = {"Authorization": f"Bearer {BEN}"}
        for user in ("x", readers[ANN].digest, f"{readers[ANN].digest} x"):
            assert ask(client, session="monday", user=user)[0] == 200
            assert "pineapples" not in seen[-1]


@pytest.mark.parametrize(
    ("keeps", "body", "said"),
    [
        (False, {"session": "monday"}, "keeps no conversations"),
        (True, {"user": "ada"}, "which session"),
        (True, {"session": "monday", "history": [{"role": "user", "content": "Tea?"}]}, "no history"),
        (True, {"session": ""}, "session"),
        (True, {"session": "a" * 201}, "session"),
        (True, {"session": "\x00"}, "session"),
    ],
)
def test_what_cannot_be_kept_is_refused(base: Path, tmp_path: Path, keeps: bool, body: Any, said: str) -> None:
    with served(base, tmp_path if keeps else None, []) as client:
        status, told = ask(client, **body)
    assert status in {400, 422}
    assert said in told["error"]["message"]
