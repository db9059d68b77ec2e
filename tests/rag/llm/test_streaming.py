"""Async questions: many at once, each with its own deadline, and whoever stops waiting stops the model."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Message, Retriever, Sampling
from rag.errors import Busy, InvalidInput
from rag.llm.backends.callable_model import CallableModel

QUESTION = "How hot is green tea?"
TRUE = "Green tea is steeped at 80 degrees [1]. "
MANY = 40
"""More than the event loop's own pool has threads on any common machine."""


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text("Green tea is steeped at 80 degrees for two minutes.", id="tea")])
        yield base


class Talking:
    """Says the same sentence until it is stopped; knows how often it did."""

    def __init__(self) -> None:
        self.said = 0

    def __call__(self, prompt: str) -> Iterator[str]:
        while True:
            self.said += 1
            yield TRUE
            time.sleep(0.02)


def test_many_at_once_all_run_at_once(kb: KnowledgeBase) -> None:
    together = threading.Barrier(MANY, timeout=200)  # breaks, and every answer with it, unless all are there

    def model(prompt: str) -> str:
        together.wait()
        return TRUE

    async def use() -> list[bool]:
        bot = Bot(Retriever(kb), model)
        return [answer.degraded for answer in await asyncio.gather(*(bot.aask(QUESTION) for _ in range(MANY)))]

    assert asyncio.run(use()) == [False] * MANY


@pytest.mark.parametrize("how", ["aask", "aask_stream"])
def test_one_question_more_than_are_allowed_at_a_time_is_refused_until_one_has_ended(
    kb: KnowledgeBase, how: str
) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def stalled(prompt: str) -> str:
        begun.release()
        release.wait(60)
        return TRUE

    async def use() -> None:
        bot = Bot(Retriever(kb), stalled, at_once=2)

        async def asked() -> str:
            return (await bot.aask(QUESTION)).text if how == "aask" else await _all(bot)

        two = [asyncio.ensure_future(asked()) for _ in range(2)]
        for _ in two:
            await asyncio.to_thread(begun.acquire, timeout=60)
        with pytest.raises(Busy, match="2 questions are being answered"):
            await asked()
        release.set()
        texts = await asyncio.gather(*two)
        assert texts[0] == texts[1] == await asked() == TRUE.strip().replace(" [1].", ". [1]")

    asyncio.run(use())


def test_a_question_that_is_no_longer_waited_for_counts_until_its_model_has_stopped(kb: KnowledgeBase) -> None:
    begun, release = threading.Semaphore(0), threading.Event()

    def deaf(prompt: str) -> str:
        begun.release()
        release.wait(60)
        return TRUE

    async def use() -> None:
        bot = Bot(Retriever(kb), deaf, at_once=1)
        task = asyncio.ensure_future(bot.aask(QUESTION))
        await asyncio.to_thread(begun.acquire, timeout=60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.3)  # the thread that waited for the model has ended by now; the model has not
        with pytest.raises(Busy):
            await bot.aask(QUESTION)
        release.set()

    asyncio.run(use())


def test_at_once_is_one_or_more(kb: KnowledgeBase) -> None:
    with pytest.raises(InvalidInput, match="at_once=0"):
        Bot(kb, at_once=0)


def test_stalled_streams_hold_up_no_other(kb: KnowledgeBase) -> None:
    release = threading.Event()

    def stalled(prompt: str) -> str:
        release.wait(200)
        return TRUE

    async def use() -> str:
        waiting = [asyncio.ensure_future(_all(Bot(Retriever(kb), stalled))) for _ in range(MANY)]
        await asyncio.sleep(0.2)
        try:
            answer = await asyncio.wait_for(_all(Bot(Retriever(kb), lambda _: TRUE)), 100)
        finally:
            release.set()
        await asyncio.gather(*waiting)
        return answer

    assert asyncio.run(use()) == "Green tea is steeped at 80 degrees. [1]"


async def _all(bot: Bot) -> str:
    pieces = [piece async for piece in bot.aask_stream(QUESTION)]
    return "".join(pieces[:-1])


class Degrees(BaseModel):
    degrees: int


@pytest.mark.slow
@pytest.mark.parametrize("how", ["aask", "aask for votes", "aask for a value", "aask_stream", "astream"])
def test_who_stops_waiting_stops_the_model(kb: KnowledgeBase, how: str) -> None:
    model = Talking()

    async def use() -> None:
        if how.startswith("aask"):
            bot = Bot(Retriever(kb), model, sampling=Sampling(n=3 if "votes" in how else 1, max_tokens=1_000_000))
            asked = bot.aask(QUESTION, schema=Degrees) if "value" in how else bot.aask(QUESTION)
            task = asyncio.ensure_future(asked)
            while model.said < 3:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return
        own = CallableModel(model).astream([Message("user", QUESTION)])
        stream = own if how == "astream" else Bot(Retriever(kb), model).aask_stream(QUESTION)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(use())
    deadline = time.monotonic() + 60
    while (before := model.said) and time.monotonic() < deadline:
        time.sleep(0.5)
        if model.said == before:
            return
    pytest.fail("the model goes on")


def test_an_error_reaches_who_waits(kb: KnowledgeBase) -> None:
    async def use() -> None:
        async for _ in CallableModel(lambda _: 1 / 0).astream([Message("user", QUESTION)]):
            pass

    with pytest.raises(ZeroDivisionError):
        asyncio.run(use())
