"""Measure a document in tokens: what fits a chunk, where long spans may be cut, and the resulting chunks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property

from ..documents.document import Chunk, Document, context_text
from ..documents.sections import Section, section_at, table_parts
from ..embedding.protocol import Tokenizer
from .grid import Grid
from .lexicon import Lexicon

Span = tuple[int, int]

# Cuts beside these leave a tokenizer's view of both sides as it was.
_CLEAN = frozenset(" \n\t")
_BLANK = re.compile(r"\s*")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")
_LONGEST_CHARACTER = 16
_BATCH = 64


class SizedChunker:
    """The base of chunkers whose chunks have a limit in tokens.

    Parameters
    ----------
    name
        As in `Chunker`.
    tokenizer
        The embedder's own.
    size
        Tokens of a chunk at most, its line of title and headings included; never more than the embedder takes.
    """

    def __init__(self, name: str, tokenizer: Tokenizer, size: int) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self.lexicon = Lexicon(tokenizer)
        self._size = size

    @cached_property
    def size(self) -> int:
        """Tokens of a chunk at most."""
        return min(self._size, self.tokenizer.max_tokens)

    def ruler(self, document: Document) -> Ruler:
        """Measure a document."""
        return Ruler(document, self)


class Ruler:
    """Measures spans of a document by the embedder's own tokenizer.

    A chunk's budget pays for the line of title and headings that is embedded with it. Where this line would take more
    than half of it, outer headings go; where the title alone takes more than three quarters, a quarter is left to the
    text.
    """

    def __init__(self, document: Document, measure: SizedChunker) -> None:
        self.document = document
        self.text = document.text
        self.size = measure.size
        self.grid = Grid(document.text, measure.lexicon.starts)
        self._tokenizer = measure.tokenizer
        self._contexts: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}
        self._lexicon = measure.lexicon

    def section(self, position: int) -> Section | None:
        """Return the section that holds a character."""
        return section_at(self.document.sections, position)

    def parts(self) -> Iterator[Span]:
        """Yield the text in spans that hold one table each at most."""
        return table_parts(self.document.sections, 0, len(self.text))

    def room(self, position: int) -> int:
        """Return the tokens of text that fit a chunk which starts with the character at a position."""
        context = self._context(self._path(position))[1]
        return max(self.size - context, self.size // 4, 1)

    def ink(self, start: int, end: int) -> int:
        """Return the first character of a span that is not white space, its end if there is none."""
        blank = _BLANK.match(self.text, start, end)
        return blank.end() if blank else start

    def fits(self, start: int, end: int) -> bool:
        """Tell whether a span makes one chunk."""
        return self.grid.count(start, end) <= self.room(start)

    def windows(self, start: int, end: int, overlap: int = 0) -> Iterator[Span]:
        """Cut a span into runs of tokens that fit, between words if it can be."""
        starts, words = self.grid.starts, self.grid.words
        last = self.grid.index(end)
        while (start := self.ink(start, end)) < end:
            first = self.grid.index(start)
            room = self.room(start)
            stop = first + room
            if stop >= last:
                yield start, end
                return
            at_word = int(words[stop])
            stop = at_word if at_word > first + room // 2 else stop
            cut = self._whole_character(int(starts[stop]), start, end)
            yield start, cut
            start = self._rewind(start, cut, min(overlap, room // 2)) if overlap else cut

    def chunks(self, spans: Iterable[Span]) -> list[Chunk]:
        """Make chunks of spans: stripped, blank ones dropped, held to the budget."""
        stripped = [span for span in (self._strip(*span) for span in spans) if span[0] < span[1]]
        doubtful = [span for span in stripped if not (self._lexicon.steady and self._clean(*span))]
        over: set[Span] = set()
        for first in range(0, len(doubtful), _BATCH):
            batch = doubtful[first : first + _BATCH]
            counts = map(len, self._tokenizer.offsets([self._embedded(*span) for span in batch]))
            over.update(span for span, count in zip(batch, counts, strict=True) if count > self._limit(span[0]))
        fitting: list[Span] = []
        for span in stripped:
            fitting.extend(self._halved(*span) if span in over else [span])
        return [self._chunk(span) for span in _useful(fitting)]

    def _chunk(self, span: Span) -> Chunk:
        start, end = span
        section = self.section(start)
        heading = self._context(self._path(start))[0]
        return Chunk(start, end, self.text[start:end], heading, section.page if section else None)

    def _embedded(self, start: int, end: int) -> str:
        heading = self._context(self._path(start))[0]
        return context_text(self.document.title, heading, self.text[start:end])

    def _limit(self, position: int) -> int:
        return self.room(position) + self._context(self._path(position))[1]

    def _path(self, position: int) -> tuple[str, ...]:
        """Return the headings above a character; below its first line, the columns of a table are one more."""
        section = self.section(position)
        if section is None:
            return ()
        below = section.columns and self.ink(section.start, section.end) < position
        return (*section.heading, section.columns) if below else section.heading

    def _context(self, heading: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        found = self._contexts.get(heading)
        if found is None:
            kept, tokens = heading, self._line_tokens(heading)
            while kept and tokens > self.size // 2:
                kept = kept[1:]
                tokens = self._line_tokens(kept)
            found = self._contexts[heading] = kept, tokens
        return found

    def _line_tokens(self, heading: tuple[str, ...]) -> int:
        return self._lexicon.count(context_text(self.document.title, heading, "").rstrip("\n"))

    def _strip(self, start: int, end: int) -> Span:
        part = self.text[start:end]
        start += len(part) - len(part.lstrip())
        return start, start + len(part.strip())

    def _clean(self, start: int, end: int) -> bool:
        """Tell whether both ends are such that the chunk has the tokens that its span has in the document."""
        return self._parts(start) and self._parts(end)

    def _parts(self, cut: int) -> bool:
        text = self.text
        if cut in (0, len(text)) or text[cut - 1] in _CLEAN or text[cut] in _CLEAN:
            return True
        return self._lexicon.isolates(text[cut - 1]) or self._lexicon.isolates(text[cut])

    def _halved(self, start: int, end: int) -> Iterator[Span]:
        """Cut a span that has more tokens on its own than it had in the document."""
        while start < end:
            cut = end
            while cut - start > 1 and len(self._tokenizer.offsets([self._embedded(start, cut)])[0]) > self._limit(
                start
            ):
                cut = self._whole_character(start + (cut - start) // 2, start, cut)
            span = self._strip(start, cut)
            if span[0] < span[1]:
                yield span
            start = cut

    def _whole_character(self, cut: int, start: int, end: int) -> int:
        """Move a cut that would part a character from its marks; the result is beyond ``start``."""
        text = self.text
        for at in range(cut, max(start, cut - _LONGEST_CHARACTER), -1):
            if at >= end or not (_joins(text[at]) or text[at - 1] == "\u200d"):
                return at
        return max(cut, start + 1)

    def _rewind(self, start: int, cut: int, overlap: int) -> int:
        """Return where the next window starts: some tokens before the cut, at a word, beyond the last start."""
        at = max(self.grid.index(cut) - overlap, 0)
        word = int(self.grid.words[at])
        at = word if word >= at - overlap // 2 else at
        begin = int(self.grid.starts[at])
        return begin if int(self.grid.starts[self.grid.index(start)]) < begin < cut else cut


def _useful(spans: list[Span]) -> list[Span]:
    """Order spans by start and end, without those that lie in another."""
    kept: list[Span] = []
    for span in sorted(spans):
        if kept and span[1] <= kept[-1][1]:
            continue
        if kept and span[0] == kept[-1][0]:
            kept.pop()
        kept.append(span)
    return kept


def _joins(char: str) -> bool:
    return char > "\u02ff" and (
        char in _JOINERS
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or unicodedata.combining(char) > 0
        or unicodedata.category(char)[0] == "M"
    )
