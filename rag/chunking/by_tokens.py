"""Split into chunks of equal length, by tokens or by sentences."""

from __future__ import annotations

from ..documents.document import Chunk, Document
from ..embedding.protocol import Tokenizer
from .packing import pack_sentences
from .ruler import SizedChunker


class TokensChunker(SizedChunker):
    """A window of tokens that slides over the text and stops between words.

    Parameters
    ----------
    tokenizer, size
        See `SizedChunker`.
    overlap
        Tokens that a chunk repeats of the one before it, give or take a word; at most half a chunk.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256, overlap: int = 32) -> None:
        super().__init__(f"tokens:{size}/{overlap}", tokenizer, size)
        self._overlap = overlap

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document into windows."""
        ruler = self.ruler(document)
        return ruler.chunks(span for part in ruler.parts() for span in ruler.windows(*part, self._overlap))


class SentencesChunker(SizedChunker):
    """Whole sentences, as many as fit.

    Parameters
    ----------
    tokenizer, size
        See `SizedChunker`.
    overlap
        Sentences that a chunk repeats of the one before it, as far as they fit.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256, overlap: int = 1) -> None:
        super().__init__(f"sentences:{size}/{overlap}", tokenizer, size)
        self._overlap = overlap

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document between sentences."""
        ruler = self.ruler(document)
        return ruler.chunks(
            span
            for part in ruler.parts()
            for span in pack_sentences(ruler, *part, tokens=self.size, count=self._overlap)
        )
