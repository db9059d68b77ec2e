"""Fusion: join the scores that several searches give the same passages into one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput

DENSE_WEIGHT = 0.7

FARTHEST = 20.0
"""Standard deviations that a score can lie above the mean; see `standard_scores`."""
_SPREAD = 3.0
_TOP = 10


@dataclass(frozen=True, slots=True)
class View:
    """The scores that one search gives a question's ``n`` candidates.

    Attributes
    ----------
    name
        ``dense`` or ``terms``.
    scores
        float32, shape (n,): the search's own score of every candidate, higher is better; of those too that it did not
        list itself, if the fusion asks for that (`Fusion.complete`), else NaN there.
    ranks
        int64, shape (n,): place in the search's own list, from 1; 0 where it did not list the candidate.
    background
        float32, shape (m,): the search's scores of a random sample of the whole knowledge base, in no order; empty
        unless the fusion asks for it.
    """

    name: str
    scores: NDArray[np.float32]
    ranks: NDArray[np.int64]
    background: NDArray[np.float32]


@runtime_checkable
class Fusion(Protocol):
    """The fusion protocol; write your own by these two members.

    ``complete`` says whether ``fuse`` needs the scores of all candidates from every search, and the background.
    """

    @property
    def complete(self) -> bool:
        """Whether views must be complete."""
        ...

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return one score for each candidate: float64, shape (n,), finite, higher is better."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ZScore:
    """Weighted sum of standard scores against a background sample.

    Each search's score becomes the number of standard deviations above the search's mean score over
    a random sample of the knowledge base, and the fused score is ``dense_weight`` times the one plus
    ``1 - dense_weight`` times the other. Two things set this apart from standardising the two result lists: every
    candidate has both scores, so one that only one search listed is not guessed at; and mean and deviation are those
    of ordinary passages, so they depend neither on the length of the lists nor on the filter, and a list whose best
    hits lie far above the rest keeps its weight.

    Parameters
    ----------
    dense_weight
        0 to 1: the share of the dense search; the rest is the share of all other searches.

    References
    ----------
    J. Lee, "Analyses of multiple evidence combination", SIGIR 1997 (combination of normalised scores); S. Bruch, S. Gai
    and A. Ingber, "An analysis of fusion functions for hybrid retrieval", ACM TOIS 42(1), 2023 (convex combination, and
    why missing scores should be computed).
    """

    dense_weight: float = DENSE_WEIGHT
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.dense_weight <= 1:
            raise InvalidInput(f"dense_weight must be between 0 and 1, not {self.dense_weight!r}")

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the weighted sum of the scaled scores, to 5 decimals."""
        total = np.zeros(len(views[0].scores))
        for part in self.parts(views):
            total += part
        return np.round(total, 5)

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate; all but the dense search share one weight.

        To 5 decimals: vectors that were embedded in a batch differ in their last bits from those embedded alone, and
        the order must not.
        """
        dense = self.weight(views)
        other = (1 - dense) / max(1, sum(view.name != "dense" for view in views))
        return [np.round((dense if view.name == "dense" else other) * self.scaled(view), 5) for view in views]

    def weight(self, views: Sequence[View]) -> float:  # noqa: ARG002 - `Adaptive` looks at them
        """Return the share of the dense search for one question."""
        return self.dense_weight

    @staticmethod
    def scaled(view: View) -> NDArray[np.float64]:
        """Return a search's scores on the common scale."""
        return standard_scores(view)


def standard_scores(view: View) -> NDArray[np.float64]:
    """Return ``(score - mean) / deviation`` of every candidate, with the background's mean and deviation.

    A sample may hold no passage with any of the question's words, so its deviation may be 0 or tiny; it is taken to be
    large enough that no candidate is more than ``FARTHEST`` deviations above the mean.
    """
    scores = view.scores.astype(np.float64)
    background = view.background.astype(np.float64) if len(view.background) else scores
    mean = float(background.mean()) if len(background) else 0.0
    highest = float((scores - mean).max(initial=0.0))
    deviation = max(float(background.std()) if len(background) else 0.0, highest / FARTHEST)
    return (scores - mean) / deviation if deviation > 0 else np.zeros(len(scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class MinMax(ZScore):
    """Weighted sum of scores scaled so that the worst candidate has 0 and the best 1.

    E. Fox and J. Shaw, "Combination of multiple searches", TREC-2, 1994 (CombSUM); S. Bruch, S. Gai and A. Ingber, "An
    analysis of fusion functions for hybrid retrieval", ACM TOIS 42(1), 2023.
    """

    @staticmethod
    def scaled(view: View) -> NDArray[np.float64]:
        """Return the scores between 0 and 1."""
        scores = view.scores.astype(np.float64)
        low, high = float(scores.min(initial=np.inf)), float(scores.max(initial=-np.inf))
        return (scores - low) / (high - low) if high > low else np.zeros(len(scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionBased(ZScore):
    """Weighted sum of scores scaled so that mean - 3 deviations of the candidates is 0 and mean + 3 deviations is 1.

    Distribution-based score fusion, M. Mazzeschi, "Distribution-based score fusion (DBSF), a new approach to vector
    search ranking", 2023.
    """

    @staticmethod
    def scaled(view: View) -> NDArray[np.float64]:
        """Return the scores between 0 and 1."""
        scores = view.scores.astype(np.float64)
        mean, deviation = float(scores.mean()), float(scores.std())
        if deviation == 0:
            return np.full(len(scores), 0.5)
        low = mean - _SPREAD * deviation
        return np.clip((scores - low) / (2 * _SPREAD * deviation), 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive(ZScore):
    """Weighted sum of standard scores whose weight follows the question.

    The search whose best hit lies farther above the next ones gets more say, the less the two lists agree: the log odds
    of the dense weight move by ``gain * (1 - agreement) * (dense margin - term margin)``.

    Parameters
    ----------
    dense_weight
        The weight where both searches have equal margins.
    gain
        0 is `ZScore`.

    Notes
    -----
    Signals and form after T. Hsu and J. Tzeng, "DAT: dynamic alpha tuning for hybrid retrieval", 2025, without its
    language model. Not the default: try it on your own questions by ``rag tune --retriever`` or an experiment.
    """

    gain: float = 0.25

    def weight(self, views: Sequence[View]) -> float:
        """Return the share of the dense search for one question."""
        own = {view.name: view for view in views}
        if not {"dense", "terms"} <= own.keys() or not 0 < self.dense_weight < 1:
            return self.dense_weight
        dense, terms = own["dense"], own["terms"]
        both = (dense.ranks > 0) & (dense.ranks <= _TOP) & (terms.ranks > 0) & (terms.ranks <= _TOP)
        agreement = float(both.sum()) / _TOP
        odds = np.log(self.dense_weight / (1 - self.dense_weight))
        odds += self.gain * (1 - min(1.0, agreement)) * (_margin(dense) - _margin(terms))
        return float(1 / (1 + np.exp(-odds)))


def _margin(view: View) -> float:
    """Return by how many standard deviations the best candidate lies above the mean of the next nine."""
    best = np.sort(standard_scores(view))[::-1][:_TOP]
    return float(best[0] - best[1:].mean()) if len(best) > 1 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReciprocalRank:
    """Reciprocal rank fusion: the sum over the searches that list a passage of 1 / (k + rank).

    Needs no scores, so it suits searches whose scores cannot be trusted; where they can, `ZScore` is better.

    References
    ----------
    G. Cormack, C. Clarke and S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.
    """

    k: float = 60
    complete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.k >= 0:
            raise InvalidInput(f"k of reciprocal rank fusion must be 0 or more, not {self.k!r}")

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the sum of reciprocal ranks."""
        total = np.zeros(len(views[0].scores))
        for part in self.parts(views):
            total += part
        return total

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate."""
        return [np.where(view.ranks > 0, 1 / (self.k + np.maximum(view.ranks, 1)), 0.0) for view in views]


FUSIONS: Mapping[str, str] = MappingProxyType(
    {
        "adaptive": "rag.retrieval.fusion:Adaptive",
        "dbsf": "rag.retrieval.fusion:DistributionBased",
        "minmax": "rag.retrieval.fusion:MinMax",
        "rrf": "rag.retrieval.fusion:ReciprocalRank",
        "zscore": "rag.retrieval.fusion:ZScore",
    }
)
