"""Locate gold in a knowledge base: quotes become spans, and missing gold is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .questions import GoldSpan, Question, QuestionSet

if TYPE_CHECKING:
    from ...documents.document import Document
    from ...knowledge_base import KnowledgeBase


NOWHERE = ""
"""The document of a quote that no document holds: a span that nothing retrieves."""


def located(questions: QuestionSet, kb: KnowledgeBase) -> QuestionSet:
    """Return the questions with quotes turned into spans, and with a problem for each gold that the documents lack.

    Gold of unknown documents and chunks stays as it is, so that it counts as not found; spans beyond the end of their
    document and quotes that no document holds likewise.
    """
    known, chunks = frozenset(kb.document_ids()), frozenset(kb.chunk_ids().tolist())
    problems: list[str] = []
    texts: dict[str, str] = {}
    if any(q.quotes for q in questions):
        texts = {name: kb.document(name).text for name in sorted(known)}
    made = [_with_spans(question, texts, problems) for question in questions]
    for what, of in _unknown(made, known, chunks, kb).items():
        if of:
            shown = ", ".join(of[:3]) + (" ..." if len(of) > 3 else "")
            problems.append(f"{len(of)} {what}: {shown}")
    return QuestionSet(tuple(made), questions.name, (*questions.problems, *problems), questions.notes)


def _with_spans(question: Question, texts: dict[str, str], problems: list[str]) -> Question:
    spans: list[GoldSpan] = list(question.spans)
    for quote in question.quotes:
        wanted = quote.strip()
        found = [GoldSpan(name, at, at + len(wanted)) for name, text in texts.items() if (at := text.find(wanted)) >= 0]
        if not wanted or not found:
            problems.append(f"question {question.id!r}: no document holds the quote {wanted[:60]!r}")
            found = [GoldSpan(NOWHERE, 0, max(1, len(wanted)))]
        spans += found
    return replace(question, spans=tuple(dict.fromkeys(spans)))


def _unknown(
    questions: list[Question], known: frozenset[str], chunks: frozenset[int], kb: KnowledgeBase
) -> dict[str, list[str]]:
    documents: dict[str, Document] = {}
    beyond = []
    for span in (span for q in questions for span in q.spans if span.document in known):
        if span.document not in documents:
            documents[span.document] = kb.document(span.document)
        if span.end > len(documents[span.document].text):
            beyond.append(f"{span.document} {span.start}-{span.end}")
    named = {name for q in questions for name in (*q.documents, *(s.document for s in q.spans))}
    return {
        "judged documents are not in the knowledge base": sorted(named - known - {NOWHERE}),
        "judged chunks are not in the knowledge base": sorted(
            str(c) for q in questions for c in q.chunks if c not in chunks
        ),
        "gold spans end after their document": beyond,
    }
