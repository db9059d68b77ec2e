"""Widen passages to larger spans of their documents, joined where they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..documents.document import Document, Passage
from ..documents.sections import row_at, section_at, sections_from, sections_within
from ..knowledge_base import KnowledgeBase

Widen = Callable[[Document, Passage], tuple[int, int]]


def widened(kb: KnowledgeBase, passages: Sequence[Passage], widen: Widen) -> list[Passage]:
    """Widen each passage; where two of one document overlap, the better-ranked one becomes their union.

    Parameters
    ----------
    widen
        Gives the span for a passage: offsets in the document that hold the passage's own.
    """
    documents: dict[str, Document] = {}
    result: list[Passage] = []
    for passage in sorted(passages, key=lambda p: p.rank):
        if passage.document not in documents:
            documents[passage.document] = kb.document(passage.document)
        document = documents[passage.document]
        start, end = widen(document, passage)
        start, end = min(start, passage.start), max(end, passage.end)
        touching = [
            i for i, p in enumerate(result) if p.document == passage.document and p.start < end and start < p.end
        ]
        for i in reversed(touching[1:]):  # the first of them is the best; the others go into it
            start, end = min(start, result[i].start), max(end, result[i].end)
            del result[i]
        if touching:
            into = result[touching[0]]
            start, end = min(start, into.start), max(end, into.end)
            result[touching[0]] = _spanning(into, document, start, end)
        else:
            result.append(_spanning(passage, document, start, end))
    return result


def _spanning(passage: Passage, document: Document, start: int, end: int) -> Passage:
    sections = sections_within(document.sections, start, end)
    sections = sections_from(sections, start, row_at(section_at(sections, start), document.text, start))
    return replace(passage, start=start, end=end, text=document.text[start:end], sections=sections)
