"""Metrics of abstention: right refusals, risk at each coverage, and separation by support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ..aggregate import Score
from .answer_rows import unscored
from .cases import Case, Cases, Resources


def abstention_accuracy(cases: Cases, _: Resources) -> list[Score]:
    """1 if the system answers an answerable question or refuses an unanswerable one, right or wrong aside."""
    return [unscored(case, needs_references=False) or Score(float(_as_it_should(case))) for case in cases]


def abstention_auroc(cases: Cases, _: Resources) -> list[Score]:
    """Area under the ROC curve of the answer's support, for telling answerable questions from unanswerable ones.

    Failed rows count as the worst that could have been said of them.
    """
    return [_ranked(case) for case in cases]


def pooled_abstention_auroc(rows: NDArray[np.float64]) -> float | None:
    """Area of rows (support, answerable); None if only one of both kinds occurs."""
    return auroc(rows[:, 0], rows[:, 1] > 0)


def auroc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Return the chance that a positive has a higher score than a negative, ties counting half.

    Parameters
    ----------
    scores
        float64, shape (n,); infinities allowed.
    positive
        bool, shape (n,).

    Notes
    -----
    The Mann-Whitney statistic; T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.
    """
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return None
    left, right = np.searchsorted(below, above, "left"), np.searchsorted(below, above, "right")
    return float((left + right).sum() / 2 / (len(above) * len(below)))


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The share of wrong answers among those given, as more and more questions are answered.

    Attributes
    ----------
    coverage, risk
        One entry per question, most supported first: share answered, and share of these that are wrong.
    area
        Mean risk over all coverages (AURC); lower is better.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float

    def at(self, coverage: float) -> float:
        """Return the risk where at least this share is answered."""
        return self.risk[min(len(self.risk) - 1, max(0, int(np.ceil(coverage * len(self.risk) - 1e-9)) - 1))]


def risk_coverage(support: Sequence[float], right: Sequence[float]) -> RiskCoverage:
    """Return risk by coverage.

    Parameters
    ----------
    support
        How sure the system is of each answer; of failed rows -inf.
    right
        Whether each answer is right, 0 to 1 (exact match, containment, F1). Of equally supported answers the mean
        counts, so that no order among them flatters.

    Notes
    -----
    R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010.
    """
    if not support or len(support) != len(right):
        raise InvalidInput("risk and coverage need as many supports as verdicts, one or more")
    sure = np.asarray(support, np.float64)
    wrong = 1.0 - np.asarray(right, np.float64)
    order = np.argsort(-sure, kind="stable")
    _, group = np.unique(-sure[order], return_inverse=True)
    even = (np.bincount(group, wrong[order]) / np.bincount(group))[group]
    n = np.arange(1, len(even) + 1)
    risk = np.cumsum(even) / n
    return RiskCoverage(tuple((n / len(n)).tolist()), tuple(risk.tolist()), float(risk.mean()))


def _as_it_should(case: Case) -> bool:
    answer = case.outcome.answer
    return answer is not None and answer.abstained == case.question.unanswerable


def _ranked(case: Case) -> Score:
    answerable = not case.question.unanswerable
    wrong = unscored(case, needs_references=False)
    if wrong is not None and wrong.failed:
        return Score(0.0, wrong.reason, failed=True, parts=(-np.inf if answerable else np.inf, float(answerable)))
    answer = case.outcome.answer
    if wrong is not None or answer is None:
        return wrong or Score(None)
    return Score(float(_as_it_should(case)), parts=(answer.support, float(answerable)))
