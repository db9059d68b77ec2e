"""The bot: retriever and generator behind one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag import Answer, Bot, Document, HashingEmbedder, InvalidInput, KnowledgeBase, Passage, Retriever
from rag.errors import InvalidFilter

TEXTS = {
    "moon": "The Moon orbits the Earth every 27 days. Its far side was first photographed in 1959 by Luna 3.",
    "tea": "Green tea is steeped at 80 degrees for two minutes. Black tea takes boiling water.",
    "bees": "A queen bee lays up to 2,000 eggs a day. Worker bees live about six weeks in summer.",
}


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add(Document.from_text(text, id=name, topic=name) for name, text in TEXTS.items())
        yield base


def test_an_answer_quotes_and_cites(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb)).ask("How many eggs does a queen bee lay a day?")
    assert not answer.abstained
    first = answer.citations[0]
    assert (first.n, first.document) == (1, "bees")
    assert first.quote == "A queen bee lays up to 2,000 eggs a day."
    assert TEXTS["bees"][first.start : first.end] == first.quote
    assert "[1]" in answer.text
    assert set(answer.timings) >= {"embed", "search", "fuse", "generate", "total"}


def test_a_citation_carries_the_fields_of_its_document(kb: KnowledgeBase) -> None:
    kb.add([Document.from_text("Otters swim at night.", id="o", url="https://zoo.example/o", author="Ann")])
    cited = Bot(kb).ask("When do otters swim?").citations[0]
    assert (cited.url, cited.metadata["author"]) == ("https://zoo.example/o", "Ann")
    kb.add([Document.from_text("Badgers dig at dawn.", id="b", url="javascript:alert(1)")])
    assert Bot(kb).ask("When do badgers dig?").citations[0].url == ""


def test_where_limits_what_is_read(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb)).ask("How many eggs does a queen bee lay a day?", where='topic == "tea"')
    assert {p.document for p in answer.passages} == {"tea"}


def test_nothing_to_read_is_an_abstention_with_a_reason(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb)).ask("How many eggs?", where='topic == "none"')
    assert answer.abstained
    assert answer.reason
    assert answer.passages == ()
    assert answer.citations == ()


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_an_empty_question_is_refused(kb: KnowledgeBase, question: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        Bot(Retriever(kb)).ask(question)


def test_a_bad_filter_is_refused(kb: KnowledgeBase) -> None:
    with pytest.raises(InvalidFilter):
        Bot(Retriever(kb)).ask("eggs?", where="topic ==")


class Failing:
    """A generator whose model is gone."""

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        raise ConnectionError("no model today")


def test_a_failing_generator_leaves_the_quotes_and_says_so(kb: KnowledgeBase) -> None:
    question = "How many eggs does a queen bee lay a day?"
    answer = Bot(Retriever(kb), Failing()).ask(question)
    assert answer.degraded
    assert "ConnectionError" in answer.reason
    assert answer.text == Bot(Retriever(kb)).ask(question).text
