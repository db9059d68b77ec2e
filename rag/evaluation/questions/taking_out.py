"""Questions without an answer: asked of documents that are taken out before they are asked.

Such a question sounds as if the documents answered it, as those of users do. Whoever asks it leaves out the documents
that it names: `without` gives the filter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...filters import FieldTest, Not
from ...retrieval.retriever import Retriever
from ...sentences import sentences
from .question_templates import longest_shared_run
from .questions import Question

if TYPE_CHECKING:
    from ...knowledge_base import KnowledgeBase

_LOOKED_AT = 5
_ASKING = re.compile(
    r"\b(how|do|does|did|i|my|me|can|could|should|what|which|who|why|when|where|is|are|was|were|be|use)\b",
    re.IGNORECASE,
)
_FEWEST_WORDS = 3
REAL_QUESTIONS = 0.30
"""`copied` of questions that people ask, on average."""
EASY = 0.5
"""`copied` from which on a question is marked as easy: of those that people ask, one in ten is."""
FIRST = "first_asked"
"""Metadata: a question as it was before it was put into other words."""
_HELD = 0.6
"""Share of a question's terms in one passage from which on that passage may answer it."""


def without(question: Question, where: str | None = None) -> str | None:
    """Return the filter to ask a question with: ``where``, and none of the documents that are taken out."""
    if not question.without:
        return where
    left = str(Not(FieldTest("document", "in", question.without)))
    return left if where is None else f"({where}) and {left}"


def taken_out(kb: KnowledgeBase, questions: Sequence[Question], n: int) -> list[Question]:
    """Return at most ``n`` of the questions without their documents, where no other document may answer them.

    A passage that holds most terms of a question may answer it; the best passages by terms are looked at.
    """
    found: list[Question] = []
    with Retriever(kb, k=_LOOKED_AT, fusion="terms", rewrite="none", rerank="none", context="none") as retriever:
        for question in questions:
            if len(found) == n:
                break
            documents = tuple(dict.fromkeys(span.document for span in question.spans))
            made = replace(
                question, spans=(), answers=(), quotes=(), documents={}, unanswerable=True, without=documents
            )
            # In other words it finds other passages: the first ones are nearer to what documents say.
            first = str(question.metadata.get(FIRST, question.text))
            wanted = set(kb.analyser.terms(_ASKING.sub(" ", first)))
            passages = retriever.retrieve(first, where=without(made))
            if wanted and not any(_may_answer(kb, wanted, passage.text) for passage in passages):
                found.append(made)
    return found


def _may_answer(kb: KnowledgeBase, wanted: set[str], text: str) -> bool:
    return len(wanted & set(kb.analyser.terms(text))) >= _HELD * len(wanted)


def copied(question: str, answer: str) -> float:
    """Return the longest run of words that a question takes over from its answer, as a share of its own words.

    0.26 to 0.30 on average where people ask (SQuAD 1.1, TyDi QA in Turkish and Arabic: the sentence that answers).
    """
    words = len(re.findall(r"\w+", question))
    return longest_shared_run(question, answer) / words if words >= _FEWEST_WORDS else 0.0


def answering(text: str, start: int, end: int) -> str:
    """Return the sentences of a text that a span lies in: what is repeated of them is repeated, however short it is."""
    around = [(s, e) for s, e in sentences(text) if s < end and start < e]
    return text[min(start, around[0][0]) : max(end, around[-1][1])] if around else text[start:end]


__all__ = ["EASY", "FIRST", "REAL_QUESTIONS", "answering", "copied", "taken_out", "without"]
