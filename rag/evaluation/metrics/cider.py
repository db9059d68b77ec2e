"""CIDEr-D: n-grams shared with the references, weighted by how rare they are among all references; 0 to 10.

R. Vedantam, C. L. Zitnick and D. Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015, as in COCO's
evaluation code (n = 1 to 4, sigma = 6). Words are those of every script, lower-cased. An answer's value depends on
the references of all other questions; with one question alone every n-gram weighs nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from ..aggregate import Score
from .answer_rows import references, unscored, words
from .cases import Cases, Resources

ORDERS = 4
SIGMA = 6.0

Ngram = tuple[str, ...]


def cider(cases: Cases, _: Resources) -> list[Score]:
    """CIDEr-D, with document frequencies over the references of all questions that have any."""
    judged = {case.question.id: references(case) for case in cases if any(references(case))}
    rarity = document_rarity(list(judged.values()))
    found = []
    for case in cases:
        if case.question.id not in judged:
            found.append(Score(None, "no reference answer"))
            continue
        found.append(unscored(case) or Score(cider_d(case.text, references(case), rarity, len(judged))))
    return found


def ngrams(text: str) -> Counter[Ngram]:
    """Count word n-grams, n = 1 to 4."""
    own = words(text)
    return Counter(tuple(own[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(own) - n + 1))


def document_rarity(groups: Sequence[Sequence[str]]) -> dict[Ngram, int]:
    """Return the number of questions whose references hold each n-gram."""
    counts: Counter[Ngram] = Counter()
    for group in groups:
        counts.update({gram for text in group for gram in ngrams(text)})
    return dict(counts)


def cider_d(answer: str, references: Sequence[str], rarity: Mapping[Ngram, int], n: int) -> float:
    """Return CIDEr-D of one answer, given document frequencies over ``n`` questions."""
    own, length = _weights(answer, rarity, n)
    total = 0.0
    for reference in references:
        other, other_length = _weights(reference, rarity, n)
        near = math.exp(-((length - other_length) ** 2) / (2 * SIGMA**2))
        total += sum(_clipped_cosine(a, b) for a, b in zip(own, other, strict=True)) * near / ORDERS
    return 10.0 * total / len(references)


def _weights(text: str, rarity: Mapping[Ngram, int], n: int) -> tuple[list[dict[Ngram, float]], int]:
    vectors: list[dict[Ngram, float]] = [{} for _ in range(ORDERS)]
    length = 0
    for gram, count in ngrams(text).items():
        vectors[len(gram) - 1][gram] = count * (math.log(n) - math.log(max(1, rarity.get(gram, 0))))
        length += count if len(gram) == 2 else 0  # COCO's code takes the number of pairs for the length
    return vectors, length


def _clipped_cosine(a: Mapping[Ngram, float], b: Mapping[Ngram, float]) -> float:
    product = sum(min(weight, b.get(gram, 0.0)) * b.get(gram, 0.0) for gram, weight in a.items())
    norm = math.sqrt(sum(w * w for w in a.values())) * math.sqrt(sum(w * w for w in b.values()))
    return product / norm if norm else 0.0
