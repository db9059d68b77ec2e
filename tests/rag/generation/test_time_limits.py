"""The deadline of a generator holds whatever hangs: model, server, embedder or entailment model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from stalling import MODELS, SENTENCE, SERVERS, HangingEntailment, hang, let_go, stalling_model
from timing import tried, within

from rag.answers import Answer
from rag.documents.document import Passage
from rag.embedding import HashingEmbedder
from rag.embedding.models import DEFAULT_MODEL
from rag.errors import LLMError, LLMTimeout
from rag.generation.chat import ChatGenerator
from rag.llm.backends.callable_model import CallableModel
from rag.llm.language_model import LanguageModel
from rag.llm.sampling import Sampling
from rag.llm.streaming import in_thread, pieces_of
from rag.terms import Analyser
from rag.testing import ScriptedGenerator

QUESTION = "How hot is green tea?"
TEXT = "Green tea is steeped at 80 degrees for two minutes. Black tea takes boiling water."
PASSAGES = [Passage(1, 1.0, 1, "tea", "tea.md", 0, len(TEXT), TEXT)]
SCHEMA = {"type": "object", "properties": {"drink": {"type": "string"}}, "required": ["drink"]}
DEADLINE = 0.4
LATE = 0.5
"""Seconds beyond the deadline; a defect hangs for a minute."""
__all__ = ["let_go"]


def generated(chat: ChatGenerator, how: str) -> Answer:
    if how == "extract":
        return chat.extract(QUESTION, PASSAGES, SCHEMA, deadline=DEADLINE)
    stream = chat.stream(QUESTION, PASSAGES, deadline=DEADLINE)
    if how == "stream":
        list(stream)
        return stream.answer
    if how == "async":
        return asyncio.run(in_thread(stream.read, stream.cancel))
    if how == "async stream":
        return asyncio.run(last(stream))
    return stream.read()


async def last(stream: object) -> Answer:
    return [piece async for piece in pieces_of(stream)][-1]


def outcome(make: Callable[[], ChatGenerator], how: str) -> Answer | LLMError:
    """Return the answer or the error; it must come in time."""
    chat = make()

    def action() -> Answer | LLMError:
        try:
            return generated(chat, how)
        except LLMError as error:
            return error

    return within(DEADLINE + LATE, action)


EVERY_DAY = ["generate", "async stream"]
RARELY = ["votes", "stream", "async", "extract"]
HOW = pytest.mark.parametrize("how", [*EVERY_DAY, *(pytest.param(how, marks=pytest.mark.slow) for how in RARELY)])


def in_turn(stalls: Sequence[str]) -> list[tuple[str, str]]:
    """Give each way to stall with two of the ways to ask, and one that streams with all of them."""
    ways = [*EVERY_DAY, *RARELY]
    return [
        (stall, how)
        for n, stall in enumerate(stalls)
        for at, how in enumerate(ways)
        if stall == "a stream that heeds no deadline" or (n + at) % 3 == 0
    ]


def chat(model: LanguageModel, how: str, **options: object) -> ChatGenerator:
    sampling = Sampling(n=3) if how == "votes" else Sampling(max_tokens=100_000)
    return ChatGenerator(model, None, Analyser(), sampling=sampling, **options)


@pytest.mark.slow
@pytest.mark.parametrize(("stall", "how"), in_turn([*MODELS]))
@tried
def test_a_model_that_stalls_costs_the_deadline(stall: str, how: str) -> None:
    got = outcome(lambda: chat(MODELS[stall](), how), how)
    if stall == "a stream that heeds no deadline" and how not in {"votes", "extract"}:
        assert isinstance(got, Answer)
        assert (got.incomplete, got.text) == (True, "Green tea is steeped at 80 degrees. [1]")
        assert [(each.quote[:9], each.n) for each in got.citations] == [("Green tea", 1)]
        assert "deadline" in got.reason
    elif how == "extract" and "white space" in stall:
        assert isinstance(got, LLMError)  # what there is by then is no JSON
    else:
        assert isinstance(got, LLMTimeout)


@pytest.mark.slow
@pytest.mark.parametrize(("stall", "how"), in_turn([*SERVERS]))
@tried
def test_a_server_that_stalls_costs_the_deadline(stall: str, how: str) -> None:
    with stalling_model(stall) as model:
        got = outcome(lambda: chat(model, how), how)
    assert isinstance(got, LLMError) or (got.incomplete and got.abstained)


class HangingEmbedder(HashingEmbedder):
    """One whose cosines the check of support uses, and waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.name = DEFAULT_MODEL

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        hang()
        return super().embed_passages(texts)


@HOW
@pytest.mark.parametrize("part", ["embedder", "entailment"])
def test_a_check_that_hangs_costs_the_deadline(monkeypatch: pytest.MonkeyPatch, part: str, how: str) -> None:
    text = '{"drink": "tea that is green"}' if how == "extract" else SENTENCE
    script = ScriptedGenerator(lambda _: text)
    sampling = Sampling(n=3) if how == "votes" else Sampling()

    def make() -> ChatGenerator:
        if part == "entailment":
            return ChatGenerator(script, None, Analyser(), sampling=sampling, entailment=HangingEntailment())
        return ChatGenerator(script, HangingEmbedder(), Analyser(), sampling=sampling)

    assert isinstance(outcome(make, how), LLMTimeout)


@tried
def test_the_deadline_of_a_value_holds_for_its_repairs_together() -> None:
    def wrong(prompt: str) -> str:
        time.sleep(0.15)
        return "no JSON"

    got = outcome(lambda: chat(CallableModel(wrong), "extract"), "extract")
    assert isinstance(got, LLMError)
