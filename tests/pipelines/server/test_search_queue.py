"""Searches that are put together find what each finds alone, and none fails another."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from pipelines.server import search_queue
from pipelines.server.search_queue import SearchQueue
from rag import KnowledgeBase, Retriever
from rag.errors import Busy, InvalidFilter, InvalidInput
from rag.testing import ScriptedGenerator

QUESTIONS = ["How hot is green tea?", "How many eggs does a queen bee lay?", "How long do worker bees live?"]


class Watched(Retriever):
    """Knows what it was asked for at a time; waits with the first until it is let go."""

    def __init__(self, kb: KnowledgeBase, **choices: object) -> None:
        super().__init__(kb, **choices)
        self.asked: list[list[str]] = []
        self.go = threading.Event()

    def search_many(self, questions, *args, **options):  # type: ignore[no-untyped-def]
        self.asked.append(list(questions))
        self.go.wait(60)
        return super().search_many(questions, *args, **options)


async def full(queue: SearchQueue, retriever: Watched) -> list[asyncio.Future[object]]:
    """Start as many searches as may run at a time."""
    running: list[asyncio.Future[object]] = []
    for n in range(1, queue._most + 1):
        running.append(asyncio.ensure_future(queue.search("tea", 1, None)))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if len(retriever.asked) == n:
                break
    assert len(retriever.asked) == queue._most
    return running


Asked = list[tuple[str, int | None, str | None]]


async def together(queue: SearchQueue, retriever: Watched, asked: Asked) -> list[object]:
    """Ask while as many searches run as may, so that all have to wait."""
    running = await full(queue, retriever)
    waiting = [asyncio.ensure_future(queue.search(*each)) for each in asked]
    await asyncio.sleep(0)
    retriever.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.gather(*running)
    return found


def test_what_waits_is_searched_for_together_and_finds_the_same(base: Path) -> None:
    with KnowledgeBase.open(base) as kb, Watched(kb) as retriever:
        queue = SearchQueue(retriever)
        found = asyncio.run(together(queue, retriever, [(question, 2, None) for question in QUESTIONS]))
        assert retriever.asked[-1] == QUESTIONS
        for question, each in zip(QUESTIONS, found, strict=True):
            assert each.passages == Retriever.search(retriever, question, 2).passages


def test_others_ks_and_filters_are_kept_apart(base: Path) -> None:
    asked = [
        (QUESTIONS[0], 1, None),
        (QUESTIONS[0], 2, None),
        (QUESTIONS[0], 2, "type == 'none'"),
        (QUESTIONS[1], 1, None),
    ]
    with KnowledgeBase.open(base) as kb, Watched(kb) as retriever:
        found = asyncio.run(together(SearchQueue(retriever), retriever, asked))
    assert [len(each.passages) for each in found] == [1, 2, 0, 1]


def test_what_cannot_be_asked_fails_nobody_else(base: Path) -> None:
    asked = [(" ", 1, None), (QUESTIONS[0], 1, None), (QUESTIONS[0], 1, "type =="), (QUESTIONS[1], 1, None)]
    with KnowledgeBase.open(base) as kb, Watched(kb) as retriever:
        found = asyncio.run(together(SearchQueue(retriever), retriever, asked))
    assert [type(each) for each in (found[0], found[2])] == [InvalidInput, InvalidFilter]
    assert [len(found[i].passages) for i in (1, 3)] == [1, 1]


def test_with_a_language_model_each_is_searched_for_alone(base: Path) -> None:
    with KnowledgeBase.open(base) as kb:
        retriever = Watched(kb, rewrite="multi-query", model=ScriptedGenerator(lambda _: '["tea"]'))
        asyncio.run(together(SearchQueue(retriever), retriever, [(question, 1, None) for question in QUESTIONS]))
    assert all(len(each) == 1 for each in retriever.asked)


def test_more_than_may_wait_are_told_to_come_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_queue, "MOST_WAITING", 3)
    with KnowledgeBase.open(base) as kb, Watched(kb) as retriever:
        found = asyncio.run(together(SearchQueue(retriever), retriever, [(QUESTIONS[0], 1, None)] * 4))
    assert [isinstance(each, Busy) for each in found] == [False, False, False, True]


def test_who_has_left_is_not_searched_for(base: Path) -> None:
    with KnowledgeBase.open(base) as kb, Watched(kb) as retriever:
        queue = SearchQueue(retriever)

        async def use() -> None:
            running = await full(queue, retriever)
            left, stays = (asyncio.ensure_future(queue.search(question, 1, None)) for question in QUESTIONS[:2])
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.sleep(0)
            retriever.go.set()
            assert (await stays).passages
            await asyncio.gather(*running)

        asyncio.run(use())
        assert retriever.asked[-1] == [QUESTIONS[1]]
