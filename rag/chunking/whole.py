"""One chunk per document."""

from __future__ import annotations

from ..documents.document import Chunk, Document


class DocumentChunker:
    """Makes a document one chunk, whatever its length; the embedder reads only as far as it can.

    For collections whose documents are passages already, as those of retrieval benchmarks are.
    """

    name = "document"

    def chunk(self, document: Document) -> list[Chunk]:
        """Return the document, without the white space around it, as one chunk; none if it is blank."""
        text = document.text.strip()
        if not text:
            return []
        start = len(document.text) - len(document.text.lstrip())
        inside = (section for section in document.sections if section.start <= start < section.end)
        section = next(inside, None)
        end = start + len(text)
        return [Chunk(start, end, text, section.heading if section else (), section.page if section else None)]
