"""Made questions in other words than the sentence that answers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from rag import Document, KnowledgeBase
from rag.evaluation.questions.question_making import make_questions
from rag.evaluation.questions.rephrasing import rephrased
from rag.evaluation.questions.taking_out import EASY, answering, copied
from rag.llm.language_model import Message
from rag.llm.scripted import ScriptedGenerator


@pytest.mark.parametrize(
    ("asked", "sentence", "meant"),
    [
        (
            "How do I override a dependency for testing?",
            "To override a dependency for testing, put it into the table.",
            "For testing, how do I override a dependency?",
        ),
        ("How do I remove old rows?", "To remove old rows, call the sweeper twice.", "How do I get rid of old rows?"),
        ("What is a container image?", "A container image is a file.", "What does container image mean?"),
        ("How do I glaze pots?", "To glaze pots, heat the kiln.", "How do I glaze pots?"),
        # Not too easy: it stays, whatever it could be.
        ("How do I remove old rows?", "Old rows go when the sweeper has run.", "How do I remove old rows?"),
        # A phrase behind the verb alone belongs to it.
        ("How do I work with files?", "To work with files, open them.", "How do I work with files?"),
        ("What is the value of the key?", "The value of the key is a number.", "What is the value of the key?"),
    ],
)
def test_easy_questions_are_put_into_other_words(asked: str, sentence: str, meant: str):
    assert rephrased(asked, sentence) == meant
    assert copied(meant, sentence) <= copied(asked, sentence)


def test_the_sentences_around_a_span_count(tmp_path: Path):
    text = "Herons fish. Otters hold hands when they sleep. Badgers dig."
    at = text.index("hands")
    assert answering(text, at, at + 5) == "Otters hold hands when they sleep."
    assert answering("hands", 0, 5) == "hands"
    assert answering("", 0, 0) == ""


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as base:
        base.add(
            [
                Document.from_text(
                    "To remove old rows for a customer, call the sweeper from the night job.", id="rows"
                ),
                Document.from_text("To glaze pottery quickly, heat the kiln to nine hundred degrees.", id="kiln"),
            ]
        )
        yield base  # type: ignore[misc]


def test_what_a_question_was_is_kept_for_the_review(kb: KnowledgeBase):
    by_document = {q.spans[0].document: q for q in make_questions(kb, 2).questions}
    rows = by_document["rows"]
    assert rows.text == "For a customer, how do I remove old rows?"
    assert rows.metadata["first_asked"] == "How do I remove old rows for a customer?"
    assert not rows.metadata["easy"]
    kiln = by_document["kiln"]
    assert "first_asked" not in kiln.metadata
    assert kiln.metadata["easy"] is (copied(kiln.text, kiln.answers[0]) >= EASY)


def model(*again: str) -> ScriptedGenerator:
    def said(messages: Sequence[Message]) -> str:
        if len(messages) > 2:
            return again[0]
        text = messages[-1].content
        if "sweeper" in text:
            return json.dumps({"question": "How do I remove old rows for a customer?", "quote": "call the sweeper"})
        return json.dumps({"question": "Which warmth do pots need?", "quote": "nine hundred degrees"})

    return ScriptedGenerator(said)


@pytest.mark.parametrize(
    ("again", "text"),
    [
        ('{"question": "What clears out stale entries of a client?"}', "What clears out stale entries of a client?"),
        ("I cannot.", "How do I remove old rows for a customer?"),
        ('{"question": "What does this do?"}', "How do I remove old rows for a customer?"),
        (
            '{"question": "How can I remove old rows for a customer?"}',
            "How do I remove old rows for a customer?",
        ),
    ],
)
def test_a_model_asks_again_what_repeats_its_sentence(kb: KnowledgeBase, again: str, text: str):
    writes = model(again)
    by_document = {q.spans[0].document: q for q in make_questions(kb, 2, model=writes).questions}
    assert by_document["rows"].text == text
    assert by_document["rows"].metadata["easy"] is (not text.startswith("What"))
    assert len(writes.calls) == 3, "only the one that repeats its sentence is asked again"
    assert "remove old rows for a customer" in writes.calls[-1][-1].content or len(writes.calls[1]) > 2
