"""Spelling against the corpus: a word that no document has is taken for the word it was meant to be.

Candidates are the terms of the term index, so nothing has to be prepared and every language with an analyser is served.
A word is left alone if any document has it, if it looks like a name or an identifier, or if it is a word of the
language (`pyspellchecker <https://pypi.org/project/pyspellchecker/>`_ knows English ones).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

from ..errors import ExtraMissing
from .protocol import Asked, Corpus

_WORD = re.compile(r"(?<![\w./@#:\\-])[^\W\d_]+(?:['’][^\W\d_]{1,2})?(?![\w/@#:\\]|[.-]\w)")
_SHORTEST = 4
_LONG = 8  # letters from which two slips are believed
_MOST = 12  # candidates that are weighed
_WORDS_LOOKED_AT = 64

# Rows of a QWERTY keyboard with the half-key shift between them: near keys are likelier slips.
_ROWS = ((0.0, "qwertyuiop"), (0.25, "asdfghjkl"), (0.75, "zxcvbnm"))
_PLACES = {key: (x + shift, float(y)) for y, (shift, row) in enumerate(_ROWS) for x, key in enumerate(row)}


class SpellingCorrector:
    """Replaces words that no document has by the nearest that documents have.

    Nearness is the optimal string alignment distance (insertions, deletions, substitutions, swaps of neighbours), a
    slip to a neighbouring key counting less; among equally near words the one wins that stands with the question's
    other words in most chunks, then the more frequent one. Where the choice is open, nothing is changed.

    Raises
    ------
    ExtraMissing
        rapidfuzz is not installed.
    """

    name = "spelling"
    waits = False

    def __init__(self) -> None:
        if find_spec("rapidfuzz") is None:
            raise ExtraMissing("spelling needs rapidfuzz: pip install 'rag-workbench[spelling]'")
        self._listed: tuple[Mapping[str, int], tuple[str, ...]] = ({}, ())

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:  # noqa: ARG002
        """Return the question with its misspelt words corrected."""
        frequencies = corpus.frequencies()
        if not frequencies:
            return asked
        text, shift = asked.text, 0
        others = [term for term in corpus.analyser.terms(asked.text) if term in frequencies]
        for start, end in _unknown(asked.text, corpus, frequencies):
            word = asked.text[start:end]
            meant = _meant(word, corpus, frequencies, self._terms(frequencies), others)
            if meant is not None:
                text = text[: start + shift] + meant + text[end + shift :]
                shift += len(meant) - len(word)
        return asked if text == asked.text else replace(asked, text=text)

    def _terms(self, frequencies: Mapping[str, int]) -> tuple[str, ...]:
        """Return the terms that a word can have been meant as; listed once for a state of the corpus."""
        kept, terms = self._listed
        if kept is not frequencies:
            terms = tuple(term for term in frequencies if term.isalpha())
            self._listed = (frequencies, terms)
        return terms


def _unknown(text: str, corpus: Corpus, frequencies: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield where the words stand that no document has and that nothing says are right."""
    for number, match in enumerate(_WORD.finditer(text)):
        word = match.group()
        if number >= _WORDS_LOOKED_AT:
            return
        if len(word) < _SHORTEST or not (word.islower() or word.istitle()) or not word.isascii():
            continue
        terms = corpus.analyser.terms(word)
        if len(terms) == 1 and terms[0] not in frequencies and not _is_word(word, corpus.analyser.language):
            yield match.span()


def _meant(
    word: str, corpus: Corpus, frequencies: Mapping[str, int], terms: tuple[str, ...], others: list[str]
) -> str | None:
    """Return the word that was meant, as documents write it; None where that is not clear."""
    stem = corpus.analyser.terms(word)[0]
    most = 2.0 if len(word) >= _LONG else 1.0
    near = sorted((cost(stem, term), term) for term in _near(stem, terms, most))
    near = [(own, term) for own, term in near if own <= near[0][0] + 0.5][:_MOST]
    if not near:
        return None
    ranked = sorted(near, key=lambda each: each[0] - _together(each[1], others, corpus) - _common(each[1], frequencies))
    best = _surface(ranked[0][1], word, corpus)
    if best is None:
        return None
    return best.capitalize() if word.istitle() else best


def _near(stem: str, terms: tuple[str, ...], most: float) -> list[str]:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found: list[Any] = process.extract(stem, terms, scorer=OSA.distance, score_cutoff=int(most), limit=50)
    return [term for term, _, _ in found]


def cost(typed: str, meant: str) -> float:
    """Return how unlikely a slip is: the distance, less for a neighbouring key, more for a wrong first letter."""
    from rapidfuzz.distance import OSA

    total = float(OSA.distance(typed, meant))
    if len(typed) == len(meant):
        pairs = [(a, b) for a, b in zip(typed, meant, strict=True) if a != b]
        swapped = len(pairs) == 2 and pairs[0] == pairs[1][::-1]
        total -= 0.3 * (1 if swapped else sum(_neighbours(a, b) for a, b in pairs))
    return total + (0.4 if typed[:1] != meant[:1] else 0.0)


def _neighbours(a: str, b: str) -> bool:
    if a not in _PLACES or b not in _PLACES:
        return False
    return math.dist(_PLACES[a], _PLACES[b]) < 1.3


def _together(term: str, others: list[str], corpus: Corpus) -> float:
    """Return how well a candidate goes with the question's other words: 0 to 0.6."""
    if not others:
        return 0.0
    texts = corpus.holding({term: 10.0, **dict.fromkeys(others, 1.0)}, 3)
    wanted = set(others)
    shares = [len(wanted & set(corpus.analyser.terms(text))) / len(wanted) for text, _ in texts]
    return 0.6 * max(shares, default=0.0)


def _common(term: str, frequencies: Mapping[str, int]) -> float:
    return 0.08 * math.log(1 + frequencies[term])


def _surface(term: str, typed: str, corpus: Corpus) -> str | None:
    """Return the word of a document that has this term, the nearest to what was typed."""
    from rapidfuzz.distance import OSA

    found = {
        word.lower()
        for text, _ in corpus.holding({term: 1.0}, 3)
        for word in re.findall(r"[^\W\d_]+", text)
        if abs(len(word) - len(typed)) <= 3 and corpus.analyser.terms(word) == [term]
    }
    return min(found, key=lambda word: (OSA.distance(word, typed.lower()), word), default=None)


def _is_word(word: str, language: str) -> bool:
    known = _dictionary(language)
    return known is not None and bool(known.known([word.lower()]))


@cache
def _dictionary(language: str) -> Any:  # noqa: ANN401 - a SpellChecker, or None
    code = {"english": "en", "german": "de", "spanish": "es", "french": "fr", "portuguese": "pt", "italian": "it"}
    if language not in code or find_spec("spellchecker") is None:
        return None
    from spellchecker import SpellChecker

    return SpellChecker(language=code[language])
