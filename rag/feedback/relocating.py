"""Find spans again in documents that may have changed since: by their quote, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from .rows import Span

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..knowledge_base import KnowledgeBase


def relocated(spans: Iterable[Span], kb: KnowledgeBase) -> tuple[list[Span], list[str]]:
    """Return the spans that the documents still hold, with today's offsets, digest and quote, and why others do not.

    A span with a quote is where the quote is, nearest to where it was; one without is right only while its document is
    unchanged.
    """
    found: list[Span] = []
    lost: list[str] = []
    for span in spans:
        now = _found(span, kb)
        if isinstance(now, str):
            lost.append(now)
        elif now not in found:
            found.append(now)
    return found, lost


def _found(span: Span, kb: KnowledgeBase) -> Span | str:
    try:
        document = kb.document(span.document)
    except InvalidInput:
        return f"{span.document} is no longer in the knowledge base"
    digest = kb.digests([document.id]).get(document.id, "")
    text = document.text
    if not span.quote:
        if digest != span.digest or not 0 <= span.start < span.end <= len(text):
            return f"{span.document} has changed since, and what was read of it was not kept"
        return Span(document.id, span.start, span.end, digest, text[span.start : span.end])
    if text[span.start : span.end] == span.quote:
        return Span(document.id, span.start, span.end, digest, span.quote)
    start = nearest(document, span.quote, span.start)
    if start is None:
        return f"{span.document} has changed since, and no longer holds {_short(span.quote)!r}"
    return Span(document.id, start, start + len(span.quote), digest, span.quote)


def nearest(document: Document, quote: str, to: int) -> int | None:
    """Return where a document holds a quote, nearest to an offset; None where it does not."""
    places: list[int] = []
    at = document.text.find(quote)
    while at >= 0:
        places.append(at)
        at = document.text.find(quote, at + 1)
    return min(places, key=lambda place: abs(place - to), default=None)


def _short(quote: str) -> str:
    line = " ".join(quote.split())
    return line if len(line) <= 60 else line[:57] + "..."
