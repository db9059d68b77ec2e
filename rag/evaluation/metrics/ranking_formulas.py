"""The most common ranking metrics, for all questions at once, from the ranks of judged items.

Each function is the definition; each equals trec_eval's own code (tests compare them over random runs). What is not
here is computed by ir-measures' providers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from .judged_ranks import JudgedRanks

Values = NDArray[np.float64]
"""float64, shape (n_questions,)."""

_ENDLESS = 2**31


def precision(ranks: JudgedRanks, *, cutoff: int, rel: int = 1) -> Values:
    """P@k: share of the first k places that hold a relevant item; places that stay empty count against it."""
    return _found(ranks, cutoff, rel) / cutoff


def recall(ranks: JudgedRanks, *, cutoff: int, rel: int = 1) -> Values:
    """R@k: share of the relevant items that are in the first k places; 0 if none is relevant."""
    return _share(_found(ranks, cutoff, rel), ranks.relevant(rel))


def success(ranks: JudgedRanks, *, cutoff: int, rel: int = 1) -> Values:
    """Success@k: 1 if a relevant item is in the first k places, also called hit rate."""
    return (_found(ranks, cutoff, rel) > 0).astype(np.float64)


def reciprocal_rank(ranks: JudgedRanks, *, cutoff: int = _ENDLESS, rel: int = 1) -> Values:
    """RR: one over the rank of the first relevant item; its mean is MRR."""
    values = np.zeros(len(ranks.questions))
    hit = (ranks.grade >= rel) & (ranks.rank < cutoff)
    np.maximum.at(values, ranks.question[hit], 1.0 / (ranks.rank[hit] + 1))
    return values


def average_precision(ranks: JudgedRanks, *, cutoff: int = _ENDLESS, rel: int = 1) -> Values:
    """AP: mean over the relevant items of the precision at each one's rank, 0 for those not found; its mean is MAP."""
    hit = (ranks.grade >= rel) & (ranks.rank < cutoff)
    question, rank = ranks.question[hit], ranks.rank[hit]
    starts = np.searchsorted(question, question, "left")  # of each question's own hits, which are ordered by rank
    nth = np.arange(len(question)) - starts + 1
    return _share(ranks.per_question(question, nth / (rank + 1.0)), ranks.relevant(rel))


def ndcg(ranks: JudgedRanks, *, cutoff: int = _ENDLESS, dcg: str = "log2") -> Values:
    """nDCG: gain over discount log2(rank + 1), over the same of the best order.

    ``log2``: the gain is the grade. K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques",
    TOIS 20(4), 2002; gains and discounts as trec_eval has them. ``exp-log2``: the gain is 2^grade - 1. C. Burges et
    al., "Learning to rank using gradient descent", ICML 2005; as gdeval has it. Grades below 1 gain nothing.
    """
    gained = (ranks.grade > 0) & (ranks.rank < cutoff)
    best = (ranks.judged_grade > 0) & (ranks.judged_place < cutoff)
    gain, ideal = ranks.grade[gained].astype(np.float64), ranks.judged_grade[best].astype(np.float64)
    if dcg == "exp-log2":
        _refuse_above(ranks, _LARGEST_EXPONENT, "nDCG(dcg='exp-log2')")
        gain, ideal = np.exp2(gain) - 1, np.exp2(ideal) - 1
    found = ranks.per_question(ranks.question[gained], gain / np.log2(ranks.rank[gained] + 2.0))
    ideal /= np.log2(ranks.judged_place[best] + 2.0)
    return _share(found, ranks.per_question(ranks.judged_question[best], ideal))


def rank_biased_precision(ranks: JudgedRanks, *, cutoff: int = _ENDLESS, p: float = 0.8, rel: int = 1) -> Values:
    """RBP: (1 - p) times the sum over ranks of p^(rank - 1) where the item is relevant.

    A. Moffat and J. Zobel, "Rank-biased precision for measurement of retrieval effectiveness", TOIS 27(1), 2008. Items
    are relevant from grade ``rel`` up, as in trectools and ranx: a graded gain would need a highest grade, which a
    sample of questions does not know.
    """
    kept = (ranks.rank < cutoff) & (ranks.grade >= rel)
    return (1 - p) * ranks.per_question(ranks.question[kept], p ** ranks.rank[kept].astype(np.float64))


HIGHEST_GRADE = 4
"""The highest grade of ERR, whatever is judged: gdeval's."""
_LARGEST_EXPONENT = 1000


def expected_reciprocal_rank(ranks: JudgedRanks, *, cutoff: int = _ENDLESS) -> Values:
    """ERR: expected one-over-rank of the item at which a reader of the list stops, satisfied.

    A reader stops at an item with probability (2^grade - 1) / 2^4, as in gdeval.
    O. Chapelle et al., "Expected reciprocal rank for graded relevance", CIKM 2009.

    Raises
    ------
    InvalidInput
        A grade is above 4, which gdeval refuses too.
    """
    _refuse_above(ranks, HIGHEST_GRADE, "ERR")
    values = np.zeros(len(ranks.questions))
    going = np.ones(len(ranks.questions))
    top = 2.0**HIGHEST_GRADE
    for question, rank, grade in zip(ranks.question.tolist(), ranks.rank.tolist(), ranks.grade.tolist(), strict=True):
        if rank < cutoff and grade > 0:
            stops = (2.0**grade - 1) / top
            values[question] += going[question] * stops / (rank + 1)
            going[question] *= 1 - stops
    return values


def _refuse_above(ranks: JudgedRanks, limit: int, metric: str) -> None:
    highest = int(ranks.judged_grade.max(initial=0))
    if highest > limit:
        raise InvalidInput(
            f"{metric} is defined for grades up to {limit}, and the judgments hold {highest}; rescale them"
        )


def _found(ranks: JudgedRanks, cutoff: int, rel: int) -> Values:
    hit = (ranks.grade >= rel) & (ranks.rank < cutoff)
    return np.bincount(ranks.question[hit], minlength=len(ranks.questions)).astype(np.float64)


def _share(part: Values, whole: Values) -> Values:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


FORMULAS: dict[str, tuple[Callable[..., Values], frozenset[str]]] = {
    "P": (precision, frozenset({"cutoff", "rel"})),
    "R": (recall, frozenset({"cutoff", "rel"})),
    "Success": (success, frozenset({"cutoff", "rel"})),
    "RR": (reciprocal_rank, frozenset({"cutoff", "rel"})),
    "AP": (average_precision, frozenset({"cutoff", "rel"})),
    "nDCG": (ndcg, frozenset({"cutoff", "dcg"})),
    "RBP": (rank_biased_precision, frozenset({"cutoff", "p", "rel"})),
    "ERR": (expected_reciprocal_rank, frozenset({"cutoff"})),
}
"""By ir-measures' name: the function, and the parameters that it knows."""


def formula_for(name: str, params: dict[str, Any]) -> Callable[[JudgedRanks], Values] | None:
    """Return a function for a measure with its parameters, or None if there is no formula for it here."""
    known = FORMULAS.get(name)
    if known is None or not set(params) <= known[1]:
        return None
    return lambda ranks: known[0](ranks, **params)
