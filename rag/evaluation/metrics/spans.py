"""Precision and recall of the context in characters: gold spans against the spans of the passages.

B. Smith and A. Troynikov, "Evaluating chunking strategies for retrieval", Chroma technical report, 2024, measure tokens
so; here characters, and what several passages hold in common counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..aggregate import Score
from ..questions.gold import DocumentSpan
from .cases import Case, Cases, Resources, without_gold

NO_SPANS = "no gold spans"

Intervals = dict[str, list[tuple[int, int]]]
"""By document: disjoint half-open character intervals, ascending."""


def span_precision(cases: Cases, _: Resources) -> list[Score]:
    """Share of the retrieved characters that lie in gold spans; 0 if nothing was retrieved."""
    return [_score(case, lambda both, _, found: both / found if found else 0.0) for case in cases]


def span_recall(cases: Cases, _: Resources) -> list[Score]:
    """Share of the gold spans' characters that were retrieved."""
    return [_score(case, lambda both, gold, _: both / gold) for case in cases]


def span_iou(cases: Cases, _: Resources) -> list[Score]:
    """Characters in both over characters in either (intersection over union, Jaccard)."""
    return [_score(case, lambda both, gold, found: both / (gold + found - both)) for case in cases]


def _score(case: Case, value: Callable[[int, int, int], float]) -> Score:
    spans = [span for span in case.question.spans if span.grade > 0]
    if wrong := without_gold(case, spans, NO_SPANS):
        return wrong
    gold, found = union(spans), union(case.passages)
    both = common(gold, found)
    return Score(value(both, length(gold), length(found)))


def union(placed: Iterable[DocumentSpan]) -> Intervals:
    """Join intervals that overlap or touch."""
    by_document: Intervals = {}
    for each in sorted(placed, key=lambda p: p.start):
        own = by_document.setdefault(each.document, [])
        if own and each.start <= own[-1][1]:
            own[-1] = (own[-1][0], max(own[-1][1], each.end))
        else:
            own.append((each.start, each.end))
    return by_document


def length(intervals: Intervals) -> int:
    """Count characters."""
    return sum(end - start for own in intervals.values() for start, end in own)


def common(one: Intervals, other: Intervals) -> int:
    """Count characters that are in both."""
    return sum(_overlap(own, other.get(document, ())) for document, own in one.items())


def _overlap(a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]]) -> int:
    i = j = total = 0
    while i < len(a) and j < len(b):
        total += max(0, min(a[i][1], b[j][1]) - max(a[i][0], b[j][0]))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return total
