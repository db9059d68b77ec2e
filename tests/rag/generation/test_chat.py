"""Answers of a language model that are cut off, endless, or too late to be checked; what its context holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from timing import tried, within

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Message, Retriever, Sampling
from rag.generation.chat import ChatGenerator
from rag.llm.backends.callable_model import CallableModel
from rag.llm.language_model import Completion, Usage

QUESTION = "How hot is green tea, and what takes boiling water?"
FACTS = "Green tea is steeped at 80 degrees for two minutes. Black tea takes boiling water. It costs 80.5 cents."
FIRST = "Green tea is steeped at 80 degrees [1]."


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text(FACTS, id="tea")])
        yield base


class Cut:
    """A model whose stream breaks."""

    name = "cut"

    def __init__(self, text: str) -> None:
        self.text = text

    def complete(self, messages: object, **_: object) -> Completion:
        return Completion((self.text,), Usage(calls=1), incomplete=True, reason="the stream broke")


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        ("Black tea takes boiling", "unsupported"),
        ("Black tea takes boiling water", "unsupported"),
        ("Black tea takes boiling water [1]", "unsupported"),
        ("It costs 80.", "unsupported"),  # "80.5"
        ("\n\n```\nBlack tea takes boiling water.", "unsupported"),
        ("Black tea takes boiling water.", "supported"),
        ("Black tea takes boiling water [1].", "supported"),
        ("Black tea takes boiling water. [", "supported"),
        ("Green tea is steeped at 80 [1].", "supported"),
    ],
)
def test_a_sentence_that_was_cut_off_is_not_passed_off_as_supported(kb: KnowledgeBase, last: str, verdict: str) -> None:
    answer = Bot(Retriever(kb), Cut(f"{FIRST} {last}")).ask(QUESTION)
    assert answer.incomplete
    assert [s.verdict for s in answer.sentences] == ["supported", verdict]
    if verdict == "unsupported":
        assert "cut off" in answer.sentences[1].problem
        assert answer.supported_text == "Green tea is steeped at 80 degrees."
        dropped = Bot(Retriever(kb), Cut(f"{FIRST} {last}"), unsupported="drop").ask(QUESTION)
        assert dropped.text == "Green tea is steeped at 80 degrees. [1]"


def test_one_cut_sentence_alone_gives_way_to_quotes_and_the_reason_is_said_once(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb), Cut("Green tea is steeped at 80 degrees for")).ask(QUESTION)
    assert (answer.degraded, answer.incomplete, answer.generator) == (True, True, "extractive")
    assert answer.reason.count("the stream broke") == 1


@pytest.mark.slow
def test_a_text_without_end_is_cut_and_takes_time_in_proportion_to_its_length(kb: KnowledgeBase) -> None:
    def seconds(n: int) -> float:
        model = lambda _: iter([f"{FIRST} ", *["tea "] * n])  # noqa: E731
        start = time.process_time()
        answer = Bot(Retriever(kb), model, sampling=Sampling(max_tokens=10**5)).ask(QUESTION)
        assert len(answer.text) > 4 * n
        return time.process_time() - start

    seconds(100)
    assert min(seconds(16_000) / max(seconds(2_000), 0.05) for _ in range(3)) < 16
    start = time.process_time()
    answer = Bot(Retriever(kb), lambda _: f"{FIRST} T" + "ea" * 1_000_000).ask(QUESTION)
    assert time.process_time() - start < 30  # a second or less; a square would take minutes
    assert answer.incomplete
    assert "without end" in answer.reason
    assert answer.supported_text == "Green tea is steeped at 80 degrees."
    assert len(answer.text) < 200_000


class SlowEntailment:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def entail(self, premises: object, claims: object) -> np.ndarray:
        time.sleep(self.seconds)
        return np.ones(len(premises))


@tried
def test_what_there_was_no_time_to_check_is_not_shown(kb: KnowledgeBase) -> None:
    text = f"{FIRST} " * 60
    start = time.perf_counter()
    answer = Bot(Retriever(kb), lambda _: text, entailment=SlowEntailment(0.05), deadline=1).ask(QUESTION)
    assert time.perf_counter() - start < 2
    assert answer.incomplete
    assert "while the answer was checked" in answer.reason
    assert 0 < len(answer.sentences) < 60


@pytest.mark.parametrize("schema", [None, {"type": "object"}])
@tried
def test_a_check_that_hangs_costs_the_deadline(kb: KnowledgeBase, schema: dict | None) -> None:
    text = FIRST if schema is None else '{"degrees": "it is steeped at eighty"}'
    bot = Bot(Retriever(kb), lambda _: text, entailment=SlowEntailment(60), deadline=0.5)
    answer = within(1.5, lambda: bot.ask(QUESTION) if schema is None else bot.extract(QUESTION, schema))
    assert answer.degraded
    assert "deadline" in answer.reason


def test_earlier_turns_give_way_to_the_first_passage(kb: KnowledgeBase) -> None:
    prompts: list[str] = []

    def write(prompt: str) -> str:
        prompts.append(prompt)
        return "Green tea is steeped at 80 degrees [1]."

    passages = Retriever(kb).retrieve(QUESTION)
    long = [Message("user", "What of the old kettle? " * 40), Message("assistant", "It is black. " * 40)]
    short = [Message("user", "And the cup?"), Message("assistant", "It is blue.")]
    ChatGenerator(CallableModel(write), kb.embedder, kb.analyser).generate(QUESTION, passages, history=short)
    room = len(prompts[0].encode()) // 3 + 60
    model = CallableModel(write, context=room + 512)
    answer = ChatGenerator(model, kb.embedder, kb.analyser).generate(QUESTION, passages, history=[*long, *short])
    assert answer.text == "Green tea is steeped at 80 degrees. [1]"
    assert "80 degrees" in prompts[1]
    assert "the cup" in prompts[1]
    assert "kettle" not in prompts[1]
