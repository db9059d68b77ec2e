"""The passages of an answer as spans that a claim is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from .citation_marks import folded
from .negation import denials, denied
from .quantities import Quantity, quantities
from .quotable_sentences import Quotable, candidates
from .words import WordReader, Words

WIDEST = 3
"""Consecutive sentences that may support a claim together."""

_MARKER = re.compile(r"(?:[-*+•#>]{1,6}\s+|\d{1,3}[.)]\s+)+")


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """One to three sentences of a passage.

    Attributes
    ----------
    passage
        Place of the passage in the result, from 0.
    start, end
        Character offsets into the passage's text.
    terms, quantities, numbers
        Terms and quantities of the span, and its numbers as words.
    denials
        Number of words that negate.
    denied
        Terms that it negates.
    pairs
        Pairs of consecutive terms.
    """

    passage: int
    start: int
    end: int
    sentences: int
    terms: frozenset[str]
    quantities: tuple[Quantity, ...]
    numbers: frozenset[str]
    denials: int
    denied: frozenset[str]
    pairs: frozenset[tuple[str, str]]


class Evidence:
    """Passages, analysed once for all claims about them.

    Attributes
    ----------
    spans
        Every run of one to `WIDEST` sentences of a passage.
    context
        For each passage the terms of its title and headings.
    terms
        For each passage all its terms, those of title and headings included.
    vectors
        Vectors of the spans embedded so far, by passage, start and end.
    reader
        Reads the words of claims about them.
    """

    def __init__(self, passages: Sequence[Passage], reader: WordReader) -> None:
        self.passages = tuple(passages)
        self.reader = reader
        self.vectors: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        self.context = [
            frozenset(reader.read(" ".join((passage.title, *passage.heading))).terms) for passage in passages
        ]
        self.spans = _spans(candidates(passages), self.passages, reader)
        self.terms = list(self.context)
        for span in self.spans:
            self.terms[span.passage] |= span.terms

    def text(self, spans: Iterable[EvidenceSpan]) -> str:
        """Return the text of spans, a line for each."""
        return "\n".join(self.passages[span.passage].text[span.start : span.end] for span in spans)

    @cached_property
    def folded(self) -> list[str]:
        """Each passage's text in the form in which quotes are compared, see `rag.grounding.citation_marks.folded`."""
        return [folded(passage.text) for passage in self.passages]

    def quoting(self, words: str) -> list[int]:
        """Return the places of the passages that contain a text verbatim."""
        wanted = folded(words).rstrip(".,;:!?…")
        return [place for place, text in enumerate(self.folded) if wanted in text]


def numbers(found: Iterable[Quantity]) -> frozenset[str]:
    """Return quantities as words: in one spelling (``2,000`` is ``2000``), and as they are written (``3rd``)."""
    return frozenset(word for each in found for word in (each.value, each.said.partition(" ")[0].lower()))


def following(terms: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return the pairs of consecutive terms."""
    return frozenset(pairwise(terms))


def names(words: Words) -> frozenset[str]:
    """Return the stems of a claim's names: capitalised words after the first, and words with capitals inside."""
    found = set()
    for place, (word, stem) in enumerate(zip(words.words, words.stems, strict=True)):
        inner = any(character.isupper() for character in word[1:])
        if stem and (inner or (place > 0 and word[0].isupper())):
            found.add(stem)
    return frozenset(found)


def bare(claim: str) -> str:
    """Return a claim without the bullet or number of a list."""
    return _MARKER.sub("", claim, count=1) if _MARKER.match(claim) else claim


@dataclass(frozen=True, slots=True)
class _Read:
    """One sentence, analysed."""

    terms: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    denials: int


def _spans(found: Sequence[Quotable], passages: Sequence[Passage], reader: WordReader) -> list[EvidenceSpan]:
    read = [
        _Read(reader.read(each.text).terms, quantities(each.text, document=True), denials(each.text)) for each in found
    ]
    spans = []
    for first in range(len(found)):
        terms: frozenset[str] = frozenset()
        pairs: frozenset[tuple[str, str]] = frozenset()
        said: tuple[Quantity, ...] = ()
        count = 0
        for last in range(first, min(first + WIDEST, len(found))):
            if found[last].passage != found[first].passage:
                break
            own = read[last]
            terms |= frozenset(own.terms)
            pairs |= following(own.terms)
            said += own.quantities
            count += own.denials
            text = passages[found[first].passage].text[found[first].start : found[last].end]
            spans.append(
                EvidenceSpan(
                    found[first].passage,
                    found[first].start,
                    found[last].end,
                    last - first + 1,
                    terms,
                    said,
                    numbers(said),
                    count,
                    denied(text, reader) if count else frozenset(),
                    pairs,
                )
            )
    return spans
