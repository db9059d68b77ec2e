"""The chunker protocol."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..documents.document import Chunk, Document


@runtime_checkable
class Chunker(Protocol):
    """Splits documents into the spans that are embedded and searched.

    ``name`` says everything that changes the spans, the tokenizer apart: a knowledge base made with one name takes
    chunks of no other.
    """

    name: str

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document.

        The chunks are in order, none is blank, ``document.text[chunk.start:chunk.end] == chunk.text``, and every
        character that is not white space is in at least one of them.
        """
        ...
