"""Faithfulness without a model: each sentence of an answer should be said by some passage.

A sentence is supported when a stretch of one passage holds nearly all of its content words and every number in it.
Words are compared as index terms, so inflection does not matter; synonyms and negation are beyond it, which is what the
judged variant is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from ...sentences import sentences
from ...terms import Analyser
from ..aggregate import Score
from .answer_rows import unscored
from .cases import Case, Cases, Resources

SHARE = 0.75
"""Of a sentence's content words that must stand together in a passage."""

WINDOW = 3
"""Neighbouring sentences of a passage that may share the saying."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def faithfulness(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the answer's sentences that the passages read support; an abstention says nothing and is left out."""
    analyser = resources.kb.analyser if resources.kb is not None else Analyser("english")
    return [unscored(case, needs_references=False) or _score(case, analyser) for case in cases]


def _score(case: Case, analyser: Analyser) -> Score:
    said = said_in(case.text)
    if not said:
        return Score(None, "the system abstained")
    answer = case.outcome.answer
    read = answer.passages if answer is not None and answer.passages else case.passages
    texts = [passage.text for passage in read]
    return Score(sum(is_supported(sentence, texts, analyser) for sentence in said) / len(said))


def said_in(text: str) -> list[str]:
    """Return the sentences of an answer that say something: those with a letter or digit."""
    found = (text[start:end] for start, end in sentences(text))
    return [each for each in found if any(c.isalnum() for c in each)]


def is_supported(sentence: str, evidence: Iterable[str], analyser: Analyser) -> bool:
    """Tell whether some text says a sentence."""
    wanted = frozenset(analyser.terms(sentence))
    numbers = frozenset(_numbers(sentence))
    return any(_says(window, wanted, numbers) for text in evidence for window in _windows(text, analyser))


Window = tuple[frozenset[str], frozenset[str]]


def _says(window: Window, wanted: frozenset[str], numbers: frozenset[str]) -> bool:
    terms, own_numbers = window
    return numbers <= own_numbers and len(wanted & terms) >= SHARE * len(wanted)


@lru_cache(maxsize=4096)
def _windows(text: str, analyser: Analyser) -> Sequence[Window]:
    spans = sentences(text)
    return [
        (frozenset(analyser.terms(part)), frozenset(_numbers(part)))
        for i in range(max(1, len(spans) - WINDOW + 1))
        if (part := text[spans[i][0] : spans[min(i + WINDOW, len(spans)) - 1][1]] if spans else "")
    ]


def _numbers(text: str) -> list[str]:
    return [each.replace(",", "") for each in _NUMBER.findall(text)]
