"""Words of a text with their stems and places, and lists of function words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..terms import UNSPACED, Analyser
from .invisible import seen, shown

_SPACED = rf"[^\W{UNSPACED}]"
WORD = re.compile(rf"\d+(?:[.,:]\d+)*{_SPACED}*|[{UNSPACED}]+|[^\W\d]{_SPACED}*(?:[.'’]{_SPACED}+)*(?:\+\+|#)?")
"""A number with its inner marks, or a word with its inner dots and apostrophes; where no spaces part words, what is
between two marks, or between a mark and a number."""


def listed(words: str) -> frozenset[str]:
    """Return the words of a literal as a set."""
    return frozenset(words.split())


BE = listed("is are was were be been being am 's")
AUXILIARY = BE | listed(
    "do does did has have had can could will would shall should may might must isn't aren't wasn't weren't don't "
    "doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't shouldn't"
)
QUESTION_WORDS = listed("who whom whose when where why how what which whats who's what's where's")
FUNCTION_WORDS = (
    QUESTION_WORDS | AUXILIARY | {"many", "much", "there", "some", "any", "please", "tell", "me", "i", "you", "we"}
)
"""Words that make a text a question; an answer need not repeat them."""

MAX_WORDS = 400
"""Words of a sentence that are read; a longer one is a table or a listing."""


def composed(text: str) -> str:
    """Return the form of a text in which quotes are compared: composed accents (NFC), no invisible characters.

    Examples
    --------
    >>> composed("cafe\u0301 hy\u00adphen")
    'café hyphen'
    """
    return text if text.isascii() else unicodedata.normalize("NFC", shown(text))


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text.

    Attributes
    ----------
    words
        As written.
    stems
        First index term of each word; empty for a stop word.
    terms
        All index terms in order: an identifier gives several, a stop word none.
    at
        The place of the word that each term comes from.
    """

    words: tuple[str, ...]
    stems: tuple[str, ...]
    terms: tuple[str, ...]
    at: tuple[int, ...]

    def without(self, words: Container[str]) -> Words:
        """Return a copy that lacks stop words and the lower-case ``words`` given."""
        keep = [i for i, word in enumerate(self.words) if self.stems[i] and word.lower() not in words]
        place = {old: new for new, old in enumerate(keep)}
        pairs = [(term, place[at]) for term, at in zip(self.terms, self.at, strict=True) if at in place]
        return Words(
            tuple(self.words[i] for i in keep),
            tuple(self.stems[i] for i in keep),
            tuple(term for term, _ in pairs),
            tuple(at for _, at in pairs),
        )


class WordReader:
    """Reads texts into `Words`, and caches the terms of words and the words of texts."""

    def __init__(self, analyser: Analyser) -> None:
        self._analyser = analyser
        self._terms = lru_cache(maxsize=50_000)(self._terms_uncached)
        self.read = lru_cache(maxsize=2_000)(self._read)

    def _terms_uncached(self, word: str) -> tuple[str, ...]:
        return tuple(self._analyser.terms(word))

    def _read(self, text: str) -> Words:
        words = []
        for match in WORD.finditer(seen(text)):
            words.append(match.group())
            if len(words) == MAX_WORDS:
                break
        terms = [self._terms(word) for word in words]
        stems = tuple(each[0] if each else "" for each in terms)
        flat = [(term, at) for at, each in enumerate(terms) for term in each]
        return Words(tuple(words), stems, tuple(term for term, _ in flat), tuple(at for _, at in flat))


def positions(words: Words) -> dict[str, list[int]]:
    """Return the word positions of each term."""
    found: dict[str, list[int]] = {}
    for term, at in zip(words.terms, words.at, strict=True):
        found.setdefault(term, []).append(at)
    return found


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence; the time is the product of both lengths."""
    known = set(a)
    b = [term for term in b if term in known]
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]
