"""Turn the gold of questions into judged items: grades of documents or chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ...documents.document import Passage
from .questions import Level, Question, QuestionSet

if TYPE_CHECKING:
    from ...knowledge_base import KnowledgeBase
    from ...store.records import ChunkPlace


class DocumentSpan(Protocol):
    """Anything with a place in a document: a `GoldSpan`, a `Passage`, a chunk's record."""

    @property
    def document(self) -> str:
        """Id of the document."""
        ...

    @property
    def start(self) -> int:
        """First character."""
        ...

    @property
    def end(self) -> int:
        """One after the last character."""
        ...


def items(passages: Iterable[Passage], level: Level) -> tuple[str, ...]:
    """Return the retrieved items, best first, each once: documents, or chunks."""
    names = (p.document if level == "document" else str(p.chunk) for p in passages)
    return tuple(dict.fromkeys(names))


def judgments(
    questions: QuestionSet, level: Level, kb: KnowledgeBase | None, retrieved: Mapping[str, Sequence[Passage]]
) -> dict[str, dict[str, int]]:
    """Return grade by item for each question that has gold of this level.

    With span gold, the relevant chunks are those of the knowledge base that hold half of a gold span or lie by half
    in one (`holds`). Without a knowledge base only what was retrieved can be looked at. A
    span that no chunk holds, as of a document that is not there, is an item that nothing retrieves: a gap never raises
    a figure.
    """
    if level == "document":
        return {q.id: grades for q in questions if (grades := documents_of(q))}
    if level == "chunk":
        return {q.id: {str(chunk): grade for chunk, grade in q.chunks.items()} for q in questions if q.chunks}
    chunks = _chunks_of_documents(kb, {span.document for q in questions for span in q.spans}) if kb else {}
    found = {}
    for q in questions:
        if not q.spans:
            continue
        own: dict[str, int] = {}
        for span in q.spans:
            near: list[tuple[str, DocumentSpan]] = [(str(c.id), c) for c in chunks.get(span.document, ())]
            places = near or [(str(p.chunk), p) for p in retrieved.get(q.id, ())]
            held = [name for name, place in places if holds(place, span)]
            for name in held or [f"{span.document}:{span.start}-{span.end}"]:
                own[name] = max(own.get(name, span.grade), span.grade)
        found[q.id] = own
    return found


def holds(placed: DocumentSpan, span: DocumentSpan, share: float = 0.5) -> bool:
    """Tell whether a chunk is relevant to a span: it holds ``share`` of the span, or lies by ``share`` within it."""
    if placed.document != span.document:
        return False
    both = min(placed.end, span.end) - max(placed.start, span.start)
    return both > 0 and both >= share * min(span.end - span.start, placed.end - placed.start)


def documents_of(question: Question) -> dict[str, int]:
    """Return the judged documents: those named, and those that hold gold spans."""
    own = dict(question.documents)
    for span in question.spans:
        own[span.document] = max(own.get(span.document, span.grade), span.grade)
    return own


def _chunks_of_documents(kb: KnowledgeBase, documents: set[str]) -> dict[str, list[ChunkPlace]]:
    """Return where the chunks of some documents are, by document."""
    found: dict[str, list[ChunkPlace]] = {}
    for place in kb.places(sorted(documents)):
        found.setdefault(place.document, []).append(place)
    return found
