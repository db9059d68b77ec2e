"""One deadline for the whole road: wherever something stalls, an answer or quotes come in time."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from chat_server import first_sentence
from stalling import MODELS, SERVERS, Deaf, DeafChat, HangingEntailment, hang, let_go, stalling_model
from timing import tried, within

from rag import Answer, Bot, Document, HashingEmbedder, KnowledgeBase, Passage, Retriever
from rag.deadlines import Deadline
from rag.errors import LLMTimeout, OutOfTime
from rag.extractive.generator import ExtractiveGenerator
from rag.llm.language_model import Completion
from rag.testing import ScriptedGenerator

__all__ = ["let_go"]

TEXTS = {
    "tea": "Green tea is steeped at 80 degrees for two minutes. Black tea takes boiling water.",
    "bees": "A queen bee lays up to 2,000 eggs a day. Worker bees live about six weeks in summer.",
    "moon": "The Moon orbits the Earth every 27 days. Its far side was first photographed in 1959 by Luna 3.",
}
QUESTION = "At how many degrees is green tea steeped, and for how long?"
SCHEMA = {"type": "object", "properties": {"drink": {"type": "string"}}, "required": ["drink"]}
DEADLINE = 0.8
LATE = 0.5
"""Seconds beyond the deadline; a defect hangs for a minute."""
WAYS = {**MODELS, **SERVERS}
SOME = ["a function that sleeps", "comments for ever"]
ALL = [pytest.param(way, marks=[] if way in SOME else pytest.mark.slow) for way in WAYS]


def ways_and(others: Sequence[str]) -> list[object]:
    """Give some ways to stall with each of ``others``, and the rest with one or two of them in turn."""
    return [
        pytest.param(way, other, marks=[] if way in SOME else pytest.mark.slow)
        for n, way in enumerate(WAYS)
        for at, other in enumerate(others)
        if way in SOME or way == "a stream that heeds no deadline" or (n + at) % len(others) in (0, 2)
    ]


class LateHanging(HashingEmbedder):
    """Answers so many calls, and hangs ever after; a question is one call, and so are the sentences to be quoted."""

    def __init__(self) -> None:
        super().__init__(64)
        self.answers = float("inf")

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        self.answers -= 1
        if self.answers < 0:
            hang()
        return super().embed_passages(texts)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path_factory.mktemp("deadlines") / "kb", embedder=LateHanging()) as made:
        made.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        Bot(made, rewrite="auto").ask(QUESTION)  # what is made on first use
        yield made


@pytest.fixture
def kb(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> KnowledgeBase:
    monkeypatch.setattr(base.embedder, "answers", float("inf"))
    monkeypatch.setattr("rag.rewriting.gate.EVEN", 100.0)  # no passage ever stands out
    return base


async def _last(bot: Bot, **options: object) -> Answer:
    return [piece async for piece in bot.aask_stream(QUESTION, **options)][-1]


def _streamed(bot: Bot, **options: object) -> Answer:
    stream = bot.ask_stream(QUESTION, **options)
    assert "".join(stream)
    return stream.answer


CALLS: dict[str, Callable[..., Answer]] = {
    "ask": lambda bot, **options: bot.ask(QUESTION, **options),
    "ask_stream": _streamed,
    "aask": lambda bot, **options: asyncio.run(bot.aask(QUESTION, **options)),
    "aask_stream": lambda bot, **options: asyncio.run(_last(bot, **options)),
    "extract": lambda bot, **options: bot.extract(QUESTION, SCHEMA, **options),
}


def is_quoted(answer: Answer) -> None:
    assert answer.generator == "extractive"
    assert answer.citations[0].quote.startswith("Green tea is steeped at 80 degrees")


def is_written(answer: Answer) -> None:
    """The model's own answer came, although another stage did without its model."""
    assert answer.text.startswith("Green tea is steeped at 80 degrees for two minutes.")
    assert answer.generator.startswith("callable:")


def is_cut(answer: Answer) -> None:
    """The first sentence was checked in time."""
    assert (answer.incomplete, answer.text) == (True, "Green tea is steeped at 80 degrees. [1]")
    assert "deadline" in answer.reason


def answered(
    bot: Bot, how: str = "ask", *, check: Callable[[Answer], None] = is_quoted, told: Sequence[str] = ()
) -> Answer:
    """Return the answer, which comes in time, is as `check` wants it and quotes what the documents say.

    A busy machine may need more time for what has to be done within the deadline, so that each try has twice as much;
    a defect is late, or lacks what it should have, in every one.
    """
    for seconds in (DEADLINE, 2 * DEADLINE, 4 * DEADLINE, 8 * DEADLINE):
        try:
            answer = within(seconds + LATE, lambda: CALLS[how](bot, deadline=seconds))  # noqa: B023
            check(answer)
            assert [part for part in told if part not in answer.reason] == []
            break
        except Exception:
            if seconds == 8 * DEADLINE:
                raise
    assert answer.citations, answer
    for each in answer.citations:
        assert TEXTS[each.document][each.start : each.end] == each.quote
    assert answer.degraded or answer.incomplete
    return answer


# ---- every way to stall, where the answer is written and where the question is rewritten ---------------------------


@pytest.mark.parametrize(("way", "how"), ways_and([*CALLS]))
def test_a_generator_that_stalls_leaves_quotes(kb: KnowledgeBase, way: str, how: str) -> None:
    with stalling_model(way) as model:
        streams = way == "a stream that heeds no deadline" and how != "extract"
        answer = answered(Bot(Retriever(kb), model), how, check=is_cut if streams else is_quoted)
    assert answer.data is None


@pytest.mark.parametrize("way", ALL)
def test_a_rewriter_that_stalls_leaves_time_for_a_written_answer(kb: KnowledgeBase, way: str) -> None:
    with stalling_model(way) as model:
        bot = Bot(Retriever(kb, rewrite="multi-query", model=model), first_sentence)
        answered(bot, check=is_written, told=["multi-query was left out"])


# ---- every place where a model is asked, or something else may hang -------------------------------------------------


@pytest.mark.parametrize("way", ALL)
def test_several_answers(kb: KnowledgeBase, way: str) -> None:
    with stalling_model(way) as model:
        answered(Bot(Retriever(kb), model, votes=3))


@pytest.mark.parametrize("way", ALL)
def test_a_second_look(kb: KnowledgeBase, way: str) -> None:
    with stalling_model(way) as model:
        bot = Bot(Retriever(kb, rewrite="auto", model=model), first_sentence)
        answered(bot, check=is_written, told=["auto was left out"])


@pytest.mark.parametrize("way", ALL)
def test_a_reranker(kb: KnowledgeBase, way: str) -> None:
    with stalling_model(way) as model:
        bot = Bot(Retriever(kb, rerank="listwise", model=model), first_sentence)
        answered(bot, check=is_written, told=["listwise was left out"])


@pytest.mark.parametrize(("way", "rewrite"), ways_and(["auto", "multi-query"]))
def test_a_rewriter_and_a_reranker_together_leave_time_for_a_written_answer(
    kb: KnowledgeBase, way: str, rewrite: str
) -> None:
    with stalling_model(way) as model:
        bot = Bot(Retriever(kb, rewrite=rewrite, rerank="listwise", model=model), first_sentence)
        answered(bot, check=is_written, told=[f"{part} was left out" for part in (rewrite, "listwise")])


@pytest.mark.parametrize("how", ["ask", "aask_stream"])
def test_a_check_by_entailment(kb: KnowledgeBase, how: str) -> None:
    answered(Bot(Retriever(kb), first_sentence, entailment=HangingEntailment()), how)


def anew(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, answers: float) -> None:
    """Let the embedder answer so many calls in every try."""
    real = Bot._request

    def request(self: Bot, *given: object, **options: object) -> object:
        kb.embedder.answers = answers
        return real(self, *given, **options)

    monkeypatch.setattr(Bot, "_request", request)


@pytest.fixture
def late(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> KnowledgeBase:
    """A knowledge base whose embedder hangs once passages are there."""
    anew(kb, monkeypatch, 1)
    return kb


@pytest.mark.parametrize("how", ["ask", "ask_stream"])
def test_an_embedder_that_hangs_once_passages_are_there(late: KnowledgeBase, how: str) -> None:
    answered(Bot(Retriever(late)), how, told=["chosen by their words"])


@tried
def test_the_last_resort_quotes_what_has_little_support_unless_a_threshold_is_given(late: KnowledgeBase) -> None:
    vague = "Which temperature suits a hot drink?"
    answer = Bot(Retriever(late)).ask(vague, deadline=0.3)
    assert (answer.degraded, answer.abstained) == (True, False)
    assert answer.support < ExtractiveGenerator(None, late.analyser).threshold
    strict = Bot(Retriever(late, threshold=0.99)).ask(vague, deadline=0.3)
    assert (strict.degraded, strict.abstained) == (True, True)
    assert "below 99% is withheld" in strict.reason


def test_a_search_in_other_words(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedder hangs when what the second look asks is searched for: the first passages remain."""

    def variants(messages: object) -> str:
        kb.embedder.answers = 0
        return json.dumps(["How hot should water for green tea be?"])

    anew(kb, monkeypatch, float("inf"))
    bot = Bot(Retriever(kb, rewrite="auto", model=ScriptedGenerator(variants)), first_sentence)
    answered(bot, check=is_written, told=["the search in other words was left out: OutOfTime"])


class HangingMemory:
    def __init__(self, at: str) -> None:
        self._at = at

    def turns(self) -> list[object]:
        return hang() if self._at == "turns" else []

    def recall(self, question: str, k: int) -> list[Passage]:
        return hang() if self._at == "recall" else []


@pytest.mark.parametrize("at", ["turns", "recall"])
@tried
def test_a_memory(kb: KnowledgeBase, at: str) -> None:
    bot = Bot(Retriever(kb, rewrite="auto", memory=HangingMemory(at)), first_sentence)
    answer = within(DEADLINE + LATE, lambda: bot.ask(QUESTION, deadline=DEADLINE))
    assert answer.text.startswith("Green tea is steeped at 80 degrees")
    assert answer.degraded is (at == "recall")


@pytest.mark.parametrize("how", [how for how in CALLS if how != "extract"])
def test_all_of_them_at_once(late: KnowledgeBase, how: str) -> None:
    retriever = Retriever(late, rewrite="multi-query", rerank="listwise", model=Deaf(), memory=HangingMemory("recall"))
    parts = ["the generator failed", "chosen by their words", "multi-query", "listwise", "the memory"]
    answered(Bot(retriever, Deaf(), entailment=HangingEntailment()), how, told=parts)


# ---- shares ---------------------------------------------------------------------------------------------------------


class Punctual:
    """A model that uses up exactly what it is given."""

    name = "punctual"

    def complete(self, messages: object, *, deadline: float, **_: object) -> Completion:
        time.sleep(deadline)
        raise LLMTimeout("as long as I may")


@pytest.mark.slow
@tried
def test_a_generator_leaves_time_for_quotes_by_meaning(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes that take longer than the last grace are in time, and by meaning, since a generator leaves them a part."""
    real = HashingEmbedder.embed_passages

    def slow(self: HashingEmbedder, texts: Sequence[str]) -> np.ndarray:
        time.sleep(0.12)
        return real(self, texts)

    monkeypatch.setattr(LateHanging, "embed_passages", slow)
    start = time.monotonic()
    answer = Bot(Retriever(kb), Punctual()).ask(QUESTION, deadline=2)
    assert time.monotonic() - start < 2
    is_quoted(answer)
    assert "words" not in answer.reason


@pytest.mark.parametrize("how", ["ask", "extract"])
def test_quotes_are_being_made_when_the_model_is_asked(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A busy machine would not make them in what the model leaves of the deadline."""
    begun = threading.Event()
    seen: list[bool] = []
    real = LateHanging.embed_passages

    def embed(self: LateHanging, texts: Sequence[str]) -> np.ndarray:
        begun.set()
        return real(self, texts)

    def fails(messages: object) -> str:
        seen.append(begun.wait(10))
        raise LLMTimeout("as long as I may")

    monkeypatch.setattr(LateHanging, "embed_passages", embed)
    monkeypatch.setattr(kb.embedder, "embed_queries", lambda texts: HashingEmbedder(64).embed_passages(texts))
    is_quoted(CALLS[how](Bot(Retriever(kb), ScriptedGenerator(fails)), deadline=60))
    assert seen[:1] == [True]


def test_questions_of_a_batch_share_one_deadline(kb: KnowledgeBase) -> None:
    retriever = Retriever(kb, rewrite="auto", rerank="listwise", model=Deaf(), deadline=0.3)
    found = within(0.9 + LATE, lambda: retriever.search_many([QUESTION, "When?", "How many eggs does a queen lay?"]))
    assert all(each.passages for each in found)
    assert all(any(note.startswith("auto") for note in each.notes) for each in found)
    assert all(any(note.startswith("listwise") for note in each.notes) for each in found)


def test_a_stage_without_time_left_is_not_begun_and_a_share_is_of_what_is_left() -> None:
    until = Deadline(1.0, time.monotonic() + 1.0)
    assert until.share(0.25).left == pytest.approx(0.25, abs=0.1)
    assert until.share(0.5, 0.1).left == pytest.approx(0.1, abs=0.05)
    assert Deadline.after(None).share(0.5).remaining is None
    assert Deadline.after(None).share(0.5, 10.0).left == pytest.approx(10.0, abs=0.1)
    with pytest.raises(OutOfTime, match="no time was left"):
        Deadline(1.0, time.monotonic()).run(hang)


def test_a_stalled_chat_is_left_behind_and_a_small_deadline_is_kept(kb: KnowledgeBase, tmp_path: Path) -> None:
    answer = within(0.1 + LATE, lambda: Bot(Retriever(kb), DeafChat("deaf chat")).ask(QUESTION, deadline=0.1))
    assert answer.citations
