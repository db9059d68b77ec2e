"""Question words go, everything that looks like one stays."""

from __future__ import annotations

import pytest

from rag.terms import Analyser, topic_terms


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What does the Server do?", "Server"),
        ("how many rivers have been counted, and when?", "many rivers counted"),
        ("What's the port, and where’s the log?", "port log"),
        ("WHO guidelines on sleep", "WHO guidelines on sleep"),
        ("whatever happened to John Doe", "whatever happened to John Doe"),
        ("somewhat showy", "somewhat showy"),
        ("what does who do", "what does who do"),
        ("", ""),
    ],
)
def test_topic(question: str, topic: str) -> None:
    analyser = Analyser()
    assert topic_terms(question, analyser) == analyser.terms(topic)


def test_other_languages_keep_every_word() -> None:
    analyser = Analyser("dutch")
    assert topic_terms("waar do what", analyser) == analyser.terms("waar do what")
