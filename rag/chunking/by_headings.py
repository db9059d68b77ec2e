"""Split documents at their own headings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from ..documents.document import Chunk, Document
from ..documents.sections import sections_within, table_parts
from ..embedding.protocol import Tokenizer
from ..sentences import sentences
from .by_code import CODE_TYPES, code_spans
from .packing import pack_sentences
from .ruler import SizedChunker, Span

_PAGED = frozenset({"pdf"})
"""Types of documents that people cite by the page."""


class HeadingsChunker(SizedChunker):
    """Starts a chunk at every heading and fills it with whole sentences.

    The default. Headings, tables and the pages of a PDF part chunks, so that a passage has one page to be cited by; a
    sentence belongs to the page that it begins on. A heading with nothing under it joins the first
    heading below it. Source code, which has definitions rather than sentences, is split as `CodeChunker` does.

    Parameters
    ----------
    tokenizer, size
        See `SizedChunker`.
    overlap
        Tokens at most that a chunk repeats of the one before it under the same heading, in whole sentences.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256, overlap: int = 32) -> None:
        super().__init__(f"headings:{size}/{overlap}", tokenizer, size)
        self._overlap = overlap

    def chunk(self, document: Document) -> list[Chunk]:
        """Split a document at its headings."""
        ruler = self.ruler(document)
        if document.type in CODE_TYPES:
            return ruler.chunks(code_spans(ruler, 0, len(document.text)))
        return ruler.chunks(
            span
            for under in _parts(document)
            for table in table_parts(document.sections, *under)
            for part in _page_parts(document, *table)
            for span in pack_sentences(ruler, *part, tokens=self._overlap)
        )


def _page_parts(document: Document, start: int, end: int) -> Iterator[Span]:
    """Cut a span of a PDF where the first sentence of a page begins."""
    within = sections_within(document.sections, start, end) if document.type in _PAGED else ()
    turns = [b.start for a, b in pairwise(within) if a.page != b.page]
    begins = [start + a for a, _ in sentences(document.text[start:end])] if turns else []
    for place in {bisect_left(begins, turn): None for turn in turns}:
        if 0 < place < len(begins):
            yield start, begins[place]
            start = begins[place]
    yield start, end


def _parts(document: Document) -> Iterator[Span]:
    """Yield the stretches of text under one heading each; together they are the whole text."""
    begin = 0
    path: tuple[str, ...] = ()
    bare = True
    for start, end, heading in _stretches(document):
        nested = bare and heading[: len(path)] == path
        if heading != path and not nested and start > begin:
            yield begin, start
            begin = start
        path = heading
        bare = _is_bare(document.text[start:end], heading)
    yield begin, len(document.text)


def _stretches(document: Document) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield sections, and the text between them as sections without a heading."""
    done = 0
    for section in document.sections:
        if document.text[done : section.start].strip():
            yield done, section.start, ()
        yield section.start, section.end, section.heading
        done = section.end
    if document.text[done:].strip():
        yield done, len(document.text), ()


def _is_bare(text: str, heading: tuple[str, ...]) -> bool:
    """Tell whether a section is blank or its heading line alone."""
    text = text.strip() if len(text) < 4096 else text
    return not text or (bool(heading) and text.lstrip("#=* ").rstrip("#=-~^* \n") == heading[-1])
