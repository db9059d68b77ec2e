"""Context precision and recall: the share of retrieved items that are relevant, and of relevant items retrieved.

All look at the first ``k`` items of the level that the gold is of: documents, chunks, or chunks that hold gold spans.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..aggregate import Score
from .cases import Case, Cases, Resources, without_gold

NO_GOLD = "nothing is known to be relevant"


def context_precision(cases: Cases, _: Resources) -> list[Score]:
    """Share of the retrieved items that are relevant; 0 if nothing was retrieved. Order does not matter."""
    return _each(cases, lambda case: _hits(case) / len(case.context) if case.context else 0.0)


def context_recall(cases: Cases, _: Resources) -> list[Score]:
    """Share of the relevant items that were retrieved. Order does not matter."""
    return _each(cases, lambda case: _hits(case) / len(case.relevant))


def context_precision_weighted(cases: Cases, _: Resources) -> list[Score]:
    """Mean precision over the ranks that hold a relevant item: relevant items above irrelevant ones give 1.

    What RAGAS calls context precision: the sum over ranks i of P@i where item i is relevant, over the number of
    relevant items retrieved. Order matters; items that were not found do not.
    """
    return _each(cases, _weighted)


def context_ndcg(cases: Cases, _: Resources) -> list[Score]:
    """NDCG of the context: what is relevant counts its grade, less the lower it ranks, and nothing beyond the context.

    The sum over the first k ranks i of grade / log2(i + 1), over the same sum of all relevant items in the best order,
    however many k takes: so contexts of different lengths can be compared. One that is longer never has less.
    """
    return _each(cases, _ndcg)


def _ndcg(case: Case) -> float:
    best = sorted((grade for grade in case.gold.values() if grade > 0), reverse=True)
    return _gain([max(0, case.gold.get(item, 0)) for item in case.context]) / _gain(best)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _each(cases: Cases, value: Callable[[Case], float]) -> list[Score]:
    return [without_gold(case, case.relevant, NO_GOLD) or Score(value(case)) for case in cases]


def _hits(case: Case) -> int:
    return len(case.relevant.intersection(case.context))


def _weighted(case: Case) -> float:
    relevant, found, total = case.relevant, 0, 0.0
    for rank, item in enumerate(case.context, 1):
        if item in relevant:
            found += 1
            total += found / rank
    return total / found if found else 0.0
