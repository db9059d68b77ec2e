"""Chunks of equal length, by tokens and by sentences."""

from __future__ import annotations

from ..documents import Chunk, Document
from ..embedding.protocol import Tokenizer
from .packing import pack_sentences
from .ruler import TokenMeasure


class TokensChunker:
    """A window of tokens that slides over the text and stops between words.

    Parameters
    ----------
    tokenizer
        The embedder's own.
    size
        Tokens of a chunk at most, its line of title and headings included; never more than the embedder takes.
    overlap
        Tokens that a chunk repeats of the one before it, give or take a word; at most half a chunk.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256, overlap: int = 32) -> None:
        self.name = f"tokens:{size}/{overlap}"
        self._measure = TokenMeasure(tokenizer, size)
        self._overlap = overlap

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document into windows."""
        ruler = self._measure.ruler(document)
        return ruler.chunks(ruler.windows(0, len(document.text), self._overlap))


class SentencesChunker:
    """Whole sentences, as many as fit.

    Parameters
    ----------
    tokenizer
        The embedder's own.
    size
        Tokens of a chunk at most, its line of title and headings included; never more than the embedder takes.
    overlap
        Sentences that a chunk repeats of the one before it, as far as they fit.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256, overlap: int = 1) -> None:
        self.name = f"sentences:{size}/{overlap}"
        self._measure = TokenMeasure(tokenizer, size)
        self._overlap = overlap

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document between sentences."""
        ruler = self._measure.ruler(document)
        return ruler.chunks(
            pack_sentences(ruler, 0, len(document.text), tokens=self._measure.size, count=self._overlap)
        )
