"""Exact match and F1 by the official rules of SQuAD 1.1 and 2.0.

P. Rajpurkar et al., "SQuAD: 100,000+ questions for machine comprehension of text", EMNLP 2016; P. Rajpurkar, R. Jia and
P. Liang, "Know what you don't know", ACL 2018. Answers are compared in lower case, without punctuation, articles and
spare white space; of several references the best counts. An unanswerable question is answered right by nothing.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from ..aggregate import Score
from .answer_rows import against_references
from .cases import Cases, Resources

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(cases: Cases, _: Resources) -> list[Score]:
    """1 where the normalised answer equals a normalised reference."""
    return against_references(cases, best_exact_match)


def f1(cases: Cases, _: Resources) -> list[Score]:
    """Harmonic mean of the precision and recall of normalised words, against the best reference."""
    return against_references(cases, best_f1)


def answer_containment(cases: Cases, _: Resources) -> list[Score]:
    """1 if the answer holds the normalised words of a reference, in their order and side by side.

    For answers that are sentences. An unanswerable question is answered right by nothing at all.
    """
    return against_references(cases, contains_reference)


def normalised(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def best_exact_match(answer: str, references: Sequence[str]) -> float:
    """Exact match with any reference, 0 or 1."""
    own = normalised(answer)
    return float(any(own == reference for reference in _kept(references)))


def best_f1(answer: str, references: Sequence[str]) -> float:
    """F1 with the best reference, 0 to 1."""
    own = normalised(answer).split()
    return max(_f1(own, reference.split()) for reference in _kept(references))


def contains_reference(answer: str, references: Sequence[str]) -> float:
    """Return 1 if the answer holds a reference's words, else 0."""
    own = normalised(answer)
    return float(any(_holds(own, reference) for reference in _kept(references)))


def _kept(references: Sequence[str]) -> list[str]:
    """Normalise; references of which nothing is left say "no answer" only if there is no other."""
    return [text for each in references if (text := normalised(each))] or [""]


def _holds(answer: str, reference: str) -> bool:
    return f" {reference} " in f" {answer} " if reference else not answer


def _f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    same = (Counter(answer) & Counter(reference)).total()
    return 2 * same / (len(answer) + len(reference))
