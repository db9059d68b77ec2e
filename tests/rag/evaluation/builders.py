"""Rows to score, made by hand."""

from __future__ import annotations

from rag.answers import Answer, Citation
from rag.documents.document import Passage
from rag.evaluation import Case, Outcome, Question, Resources

NOTHING = Resources()


def passage(document="d1", start=0, end=10, text="", chunk=1, rank=1):
    return Passage(rank, 1.0 / rank, chunk, document, document, start, end, text or "x" * (end - start))


def case(
    *, gold=(), ranked=(), k=5, question="What?", answers=(), text=None, error="", unanswerable=False, spans=(),
    passages=(), support=0.5, abstained=False, citations=(), name="q",
):  # fmt: skip
    asked = Question(
        name, question, dict.fromkeys(gold, 1), spans=spans, answers=tuple(answers), unanswerable=unanswerable
    )
    said = None
    if text is not None or abstained:
        said = Answer(question, text or "", tuple(citations), tuple(passages), support, abstained)
    outcome = Outcome(name, tuple(passages), said, error)
    return Case(asked, outcome, tuple(ranked), dict(asked.documents), k)


def cited(n, quote):
    return Citation(n, "d1", "d1", 0, len(quote), quote, 1)


def value(function, row, resources=NOTHING):
    return function([row], resources)[0].value
