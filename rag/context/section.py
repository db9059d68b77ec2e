"""Widen a passage to its section: found by a small chunk, read as its author wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from ..documents.document import Document, Passage
from ..embedding.protocol import Embedder
from ..errors import InvalidInput
from ..knowledge_base import KnowledgeBase
from .widening import widened


class ParentSection:
    """Widens each passage to the section of its document that contains it.

    A section of more than ``tokens`` is not taken: the passage stays as it is. Documents without sections are one
    section as a whole. Passages of one section become one.

    Parameters
    ----------
    kb
        Holds the documents.
    embedder
        Its tokenizer counts.
    tokens
        The longest section that is taken.
    """

    def __init__(self, kb: KnowledgeBase, embedder: Embedder, *, tokens: int = 800) -> None:
        if tokens < 1:
            raise InvalidInput(f"tokens={tokens}: give 1 or more")
        self.name = "section"
        self.why = "joined with one of its section"
        self.tokens = tokens
        self._kb = kb
        self._tokenizer = embedder.tokenizer

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002 - the same for any
        """Return the widened passages, best first."""
        return widened(self._kb, passages, self._span)

    def _span(self, document: Document, passage: Passage) -> tuple[int, int]:
        start, end = 0, len(document.text)
        for section in document.sections:
            if section.start < passage.end and passage.start < section.end:
                start, end = section.start, section.end
                break
        part = document.text[start:end]
        start, end = start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        if not part.strip() or len(self._tokenizer.offsets([document.text[start:end]])[0]) > self.tokens:
            return passage.start, passage.end
        return start, end
