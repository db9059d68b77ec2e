"""The passages of an answer as spans that a claim is compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..documents import Passage
from .citation_marks import folded
from .negation import denials, denied
from .quotable_sentences import Quotable, candidates
from .words import WordReader, Words, listed

WIDEST = 3
"""Consecutive sentences that may support a claim together."""

_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d)[,\u00a0\u202f\u2009'’](?=\d{3}(?!\d))")
_DOTTED = re.compile(r"\d{1,3}(?:\.\d{3})+")
"""Thousands as in German and Spanish, or decimals: in a document they count as both."""
_SPELT = listed(
    "2two 3three 4four 5five 6six 7seven 8eight 9nine 10ten 11eleven 12twelve 13thirteen 14fourteen 15fifteen "
    "16sixteen 17seventeen 18eighteen 19nineteen 20twenty 30thirty 40forty 50fifty 60sixty 70seventy 80eighty 90ninety "
    "0zero 1one"
)
_NUMBER_WORDS = {pair.lstrip("0123456789"): re.sub(r"\D", "", pair) for pair in _SPELT}
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
    terms, numbers
        Terms and numbers of the span, numbers also where they are spelt out.
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
    """

    def __init__(self, passages: Sequence[Passage], reader: WordReader) -> None:
        self.passages = tuple(passages)
        self.vectors: dict[tuple[int, int, int], NDArray[np.float64]] = {}
        self.context = [
            frozenset(reader.read(" ".join((passage.title, *passage.heading))).terms) for passage in passages
        ]
        self.spans = _spans(candidates(passages), self.passages, reader)
        self.terms = list(self.context)
        for span in self.spans:
            self.terms[span.passage] |= span.terms

    @cached_property
    def folded(self) -> list[str]:
        """Each passage's text in the form in which quotes are compared, see `rag.grounding.citation_marks.folded`."""
        return [folded(passage.text) for passage in self.passages]

    def quoting(self, words: str) -> list[int]:
        """Return the places of the passages that contain a text verbatim."""
        wanted = folded(words).rstrip(".,;:!?…")
        return [place for place, text in enumerate(self.folded) if wanted in text]


def numbers(text: str, *, spelt: bool) -> frozenset[str]:
    """Return the numbers of a text in one spelling (``2,000`` is ``2000``).

    Parameters
    ----------
    spelt
        Whether number words count too, ``2.000`` also as 2000, and each part of ``2 000``.
    """
    found = set(_FIGURE.findall(_THOUSANDS.sub("", text)))
    if spelt:
        found |= {figure.replace(".", "") for figure in found if _DOTTED.fullmatch(figure)} | set(_FIGURE.findall(text))
        found |= {_NUMBER_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _NUMBER_WORDS}
    return frozenset(figure.removesuffix(".0") for figure in found)


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


def _spans(found: Sequence[Quotable], passages: Sequence[Passage], reader: WordReader) -> list[EvidenceSpan]:
    spans = []
    for first in range(len(found)):
        terms: frozenset[str] = frozenset()
        pairs: frozenset[tuple[str, str]] = frozenset()
        for last in range(first, min(first + WIDEST, len(found))):
            if found[last].passage != found[first].passage:
                break
            text = passages[found[first].passage].text[found[first].start : found[last].end]
            own = reader.read(found[last].text).terms
            terms |= frozenset(own)
            pairs |= following(own)
            spans.append(
                EvidenceSpan(
                    found[first].passage,
                    found[first].start,
                    found[last].end,
                    last - first + 1,
                    terms,
                    numbers(text, spelt=True),
                    denials(text),
                    denied(text, reader),
                    pairs,
                )
            )
    return spans
