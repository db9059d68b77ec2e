"""Questions that rules make of sentences."""

from __future__ import annotations

import pytest

from rag.evaluation.questions.question_templates import drafts


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("To say yourself what is tried, write several values into a spec.", "How do I say myself what is tried?"),
        ("If you want to delete your account, open the settings page and press it.", "How do I delete my account?"),
        ("A chunk is a span of a document that is embedded and searched as one.", "What is a chunk?"),
        ("The response model is a class that describes what an answer holds.", "What is the response model?"),
        (
            "FastAPI allows you to declare path parameters with Python types, and more than that.",
            "What can I use to declare path parameters with Python types?",
        ),
        ("The figure is the share of right answers that stay right.", None),  # which figure?
        ("This is a class that describes what an answer holds for the client.", None),
        ("Otters are.", None),
    ],
)
def test_a_sentence_gives_a_question_that_stands_alone(sentence: str, question: str | None):
    assert [draft.text for draft in drafts(sentence)] == ([] if question is None else [question])
