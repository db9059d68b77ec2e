"""Split by ever finer separators: paragraphs, then lines, then sentences, then tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..documents.document import Chunk, Document
from ..embedding.protocol import Tokenizer
from ..sentences import sentences
from .packing import lines
from .ruler import Ruler, SizedChunker, Span

Splitter = Callable[[str, int, int], Iterator[Span]]
"""Splits ``text[start:end]`` into spans that follow one another without a gap."""

_PARAGRAPH_END = re.compile(r"\n[^\S\n]*+\n\s*")


class RecursiveChunker(SizedChunker):
    """Keeps paragraphs whole if they fit, else their lines, else their sentences; small neighbours share a chunk.

    ``tokenizer`` and ``size`` are those of `SizedChunker`.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256) -> None:
        super().__init__(f"recursive:{size}", tokenizer, size)

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document by ever finer separators."""
        ruler = self.ruler(document)
        splitters = (_paragraphs, lines, _sentences)
        return ruler.chunks(span for part in ruler.parts() for span in split(ruler, *part, splitters))


def split(ruler: Ruler, start: int, end: int, splitters: Sequence[Splitter]) -> Iterator[Span]:
    """Split a span by the first splitter, and parts that are still too long by the others; join small neighbours."""
    if not splitters:
        yield from ruler.windows(start, end)
        return
    spans = list(splitters[0](ruler.text, start, end))
    edges = ruler.grid.indices([a for a, _ in spans] + [end])
    begin = 0
    room = 0
    for i, (a, b) in enumerate(spans):
        if i > begin and edges[i + 1] - edges[begin] > room:
            yield spans[begin][0], a
            begin = i
        if i == begin:
            ink = ruler.ink(a, b)
            if ink == b:
                begin = i + 1
                continue
            room = ruler.room(ink)
            if edges[i + 1] - edges[i] > room:
                yield from split(ruler, a, b, splitters[1:])
                begin = i + 1
    if begin < len(spans):
        yield spans[begin][0], end


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    for gap in _PARAGRAPH_END.finditer(text, start, end):
        yield start, gap.end()
        start = gap.end()
    if start < end:
        yield start, end


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    begins = [start + a for a, _ in sentences(text[start:end])][1:]
    for begin in begins:
        yield start, begin
        start = begin
    if start < end:
        yield start, end
