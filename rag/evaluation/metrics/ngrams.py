"""Overlap of word n-grams between an answer and its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..aggregate import Score
from .answer_rows import against_references, words
from .cases import Cases, Resources

ORDERS = (1, 2, 3, 4)


def ngram_overlap(cases: Cases, _: Resources) -> list[Score]:
    """F1 of the multisets of word n-grams, averaged over n = 1 to 4, against the best reference.

    Orders longer than both texts are left out, so that equal short texts give 1.
    """
    return against_references(cases, best_overlap)


def best_overlap(answer: str, references: Sequence[str]) -> float:
    """Return the overlap with the best reference, 0 to 1."""
    own = words(answer)
    return max(_overlap(own, words(reference)) for reference in references)


def _overlap(a: Sequence[str], b: Sequence[str]) -> float:
    if not a or not b:
        return float(list(a) == list(b))
    orders = [n for n in ORDERS if n <= max(len(a), len(b))]
    return sum(_f1(_grams(a, n), _grams(b, n)) for n in orders) / len(orders)


def _grams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _f1(a: Counter[tuple[str, ...]], b: Counter[tuple[str, ...]]) -> float:
    return 2 * (a & b).total() / (a.total() + b.total())
