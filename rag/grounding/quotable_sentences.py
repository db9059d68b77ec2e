"""Split passages into sentences that can be quoted."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..documents.document import Passage
from ..sentences import sentences
from .table_rows import is_header, named_row

LONGEST = 600
"""Characters of a quote. A longer sentence is a table or a listing, and is cut at spaces."""
MOST = 400
"""Sentences that are read, in the order of the passages."""

_MARKER = re.compile(r"(?:[#>*+•‣-]{1,6}\s+|\d{1,3}[.)]\s+)+")
_FENCE = re.compile(r"^[ ]{0,3}(?:```|~~~)", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\[\]\n]{0,300}\]\([^()\s]{0,500}\)|https?://\S{1,500}")
_LETTER = re.compile(r"[^\W\d_]")
_QUOTED_QUESTION = tuple(f"?{mark}" for mark in "\"'”’»)`")
_POINTER = re.compile(
    r"(?:and |also,? )?(?:see|read more|learn more|find out more|check|more (?:info|information|details|about)"
    r"|(?:new|the) (?:docs|documentation))\b"
    r".{0,200}(?:\bdocs\b|documentation|\bhere\b|guide|section|chapter|page|below|above)",
    re.IGNORECASE | re.DOTALL,
)
_PRINTED = re.compile(r"(?: {4}|\t)[^\n]*\S {2,}\S[^\n]*\S {2,}\S")
"""An indented line in three columns or more, as programs print: no sentence."""
_HEADING = re.compile(r"#{1,6}\s|=+\s*$")


@dataclass(frozen=True, slots=True)
class Quotable:
    """A sentence of a retrieved passage.

    Attributes
    ----------
    passage
        Place of the passage in the result, from 0.
    place
        Place of the sentence in the passage, from 0.
    start, end
        Character offsets into the passage's text.
    text
        ``passage.text[start:end]``.
    noise
        How unlike an answer it reads, in units of the ranker's score: 0 for prose, up to 3 for a line of links.
    heading
        It is a heading, or the line of a table's columns, which name a subject and say nothing of it: evidence at
        most, never an answer.
    row
        The row of a table with its columns' names, where it is one.
    """

    passage: int
    place: int
    start: int
    end: int
    text: str
    noise: float = 0.0
    heading: bool = False
    row: str = ""

    @property
    def shown(self) -> str:
        """The text as it can be understood alone: a row of a table has the names of its columns."""
        return self.row or self.text


def candidates(passages: Sequence[Passage]) -> list[Quotable]:
    """Split passages into sentences, the first `MOST` of them; sentences without a letter or digit are left out."""
    found: list[Quotable] = []
    for number, passage in enumerate(passages):
        fences = [match.start() for match in _FENCE.finditer(passage.text)]
        headings = {_plain(part) for path in (passage.heading, *(s.heading for s in passage.sections)) for part in path}
        for place, (start, end) in enumerate(_spans(passage.text)):
            text = passage.text[start:end]
            line = passage.text.rfind("\n", 0, start) + 1
            inside_code = bisect_right(fences, start) % 2 == 1 or _PRINTED.match(passage.text, line) is not None
            heading = not inside_code and (
                _plain(text) in headings or _is_heading(passage.text, start) or is_header(passage, start, end)
            )
            row = "" if heading or inside_code else named_row(passage, start, end)
            noise = 3.0 if heading else 0.0 if row else _noise(text, inside_code=inside_code)
            if not place and passage.start and text[0].islower():
                noise = max(noise, 2.0)  # the end of a sentence that began in the chunk before
            found.append(Quotable(number, place, start, end, text, noise, heading, row))
            if len(found) == MOST:
                return found
    return found


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for start, end in sentences(text):
        marker = _MARKER.match(text, start, end)
        begin = marker.end() if marker and marker.end() < end else start
        for piece_start, piece_end in _pieces(text, begin, end):
            if any(character.isalnum() for character in text[piece_start:piece_end]):
                yield piece_start, piece_end


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a span into pieces of at most `LONGEST` characters, at white space where there is any."""
    while end - start > LONGEST:
        cut = max(text.rfind(" ", start + 1, start + LONGEST), text.rfind("\n", start + 1, start + LONGEST))
        cut = cut if cut > start else start + LONGEST
        yield start, cut
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end


def _plain(text: str) -> str:
    """Return the letters and digits of a text, by which headings are compared."""
    return "".join(filter(str.isalnum, text.casefold()))


def _is_heading(passage: str, start: int) -> bool:
    return _HEADING.match(passage, passage.rfind("\n", 0, start) + 1) is not None


def _noise(text: str, *, inside_code: bool) -> float:
    """Tell prose from code, tables and lists of links, which point to answers; set by hand, not learned."""
    if text.startswith(("```", "~~~", ":::")):
        return 3.0
    if inside_code or text.endswith(_QUOTED_QUESTION):
        return 2.0
    bare = _LINK.sub("", text)
    if len(bare) < 0.4 * len(text) or not _LETTER.search(bare):
        return 3.0
    if text.count("|") > 2:
        return 1.0
    if _POINTER.match(text) or (not text.endswith((*".!?:。！？", '"', ")", "”")) and len(text) < 60):
        return 1.5
    # A picture in front marks an entry of a change log or a badge.
    return 1.0 if text.endswith(":") or unicodedata.category(text[0]) == "So" else 0.0
