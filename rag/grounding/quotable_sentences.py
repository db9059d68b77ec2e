"""Split passages into sentences that can be quoted."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..documents import Passage
from ..sentences import sentences

LONGEST = 600
"""Characters of a quote. A longer sentence is a table or a listing, and is cut at spaces."""
MOST = 400
"""Sentences that are read, in the order of the passages."""

_MARKER = re.compile(r"(?:[#>*+•‣-]{1,6}\s+|\d{1,3}[.)]\s+)+")
_FENCE = re.compile(r"^[ ]{0,3}(?:```|~~~)", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\[\]\n]{0,300}\]\([^()\s]{0,500}\)|https?://\S{1,500}")
_LETTER = re.compile(r"[^\W\d_]")
_QUOTED_QUESTION = tuple(f"?{mark}" for mark in "\"'”’»)`")
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
    """

    passage: int
    place: int
    start: int
    end: int
    text: str
    noise: float = 0.0


def candidates(passages: Sequence[Passage]) -> list[Quotable]:
    """Split passages into sentences, the first `MOST` of them; sentences without a letter or digit are left out."""
    found: list[Quotable] = []
    for number, passage in enumerate(passages):
        fences = [match.start() for match in _FENCE.finditer(passage.text)]
        headings = {_plain(heading) for heading in passage.heading}
        for place, (start, end) in enumerate(_spans(passage.text)):
            text = passage.text[start:end]
            inside_code = bisect_right(fences, start) % 2 == 1
            noise = 3.0 if _plain(text) in headings else _noise(passage.text, start, text, inside_code=inside_code)
            found.append(Quotable(number, place, start, end, text, noise))
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


def _noise(passage: str, start: int, text: str, *, inside_code: bool) -> float:
    """Tell prose from headings, code, tables and lists of links, which point to answers; set by hand, not learned."""
    line_start = passage.rfind("\n", 0, start) + 1
    if _HEADING.match(passage, line_start) or text.startswith(("```", "~~~", ":::")):
        return 3.0
    if inside_code or text.endswith(_QUOTED_QUESTION):
        return 2.0
    bare = _LINK.sub("", text)
    if len(bare) < 0.4 * len(text) or not _LETTER.search(bare):
        return 3.0
    if text.count("|") > 2:
        return 1.0
    if not text.endswith((*".!?:。！？", '"', ")", "”")) and len(text) < 60:
        return 1.5
    return 1.0 if text.endswith(":") else 0.0
