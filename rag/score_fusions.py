"""Weighted sums of scores that are brought to one scale, and weights that follow the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .retrieval.fusion import DENSE_WEIGHT, View, checked_weight, standard_scores, summed, weighted

_SPREAD = 3.0
_TOP = 10


@dataclass(frozen=True, slots=True)
class MinMax:
    """Weighted sum of scores scaled so that the worst candidate has 0 and the best 1.

    E. Fox and J. Shaw, "Combination of multiple searches", TREC-2, 1994 (CombSUM); S. Bruch, S. Gai and A. Ingber, "An
    analysis of fusion functions for hybrid retrieval", ACM TOIS 42(1), 2023.
    """

    dense_weight: float = DENSE_WEIGHT
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked_weight(self.dense_weight)

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the weighted sum of scaled scores."""
        return summed(self.parts(views))

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate."""
        return weighted(views, self.dense_weight, _scaled)


@dataclass(frozen=True, slots=True)
class DistributionBased:
    """Weighted sum of scores scaled so that mean - 3 deviations of the candidates is 0 and mean + 3 deviations is 1.

    Distribution-based score fusion, M. Mazzeschi, "Distribution-based score fusion (DBSF), a new approach to vector
    search ranking", 2023.
    """

    dense_weight: float = DENSE_WEIGHT
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked_weight(self.dense_weight)

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the weighted sum of scaled scores."""
        return summed(self.parts(views))

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate."""
        return weighted(views, self.dense_weight, _by_distribution)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Weighted sum of standard scores whose weight follows the question.

    The search whose best hit stands out farther from the next ones gets more say, the less the two lists agree: the
    log odds of the dense weight move by ``gain * (1 - agreement) * (dense margin - term margin)``.

    Parameters
    ----------
    dense_weight
        Where both searches stand out alike.
    gain
        0 is `rag.retrieval.fusion.ZScore`.

    Notes
    -----
    Signals and form after T. Hsu and J. Tzeng, "DAT: dynamic alpha tuning for hybrid retrieval", 2025, without its
    language model. No default: try it on your own questions by ``rag tune --retriever`` or an experiment.
    """

    dense_weight: float = DENSE_WEIGHT
    gain: float = 0.25
    complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked_weight(self.dense_weight)

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the weighted sum of standard scores."""
        return summed(self.parts(views))

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate."""
        return weighted(views, self.weight(views), standard_scores)

    def weight(self, views: Sequence[View]) -> float:
        """Return the dense weight for a question."""
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
    """Return by how many standard deviations the best candidate stands above the mean of the next nine."""
    best = np.sort(standard_scores(view))[::-1][:_TOP]
    return float(best[0] - best[1:].mean()) if len(best) > 1 else 0.0


def _scaled(view: View) -> NDArray[np.float64]:
    scores = view.scores.astype(np.float64)
    low, high = float(scores.min(initial=np.inf)), float(scores.max(initial=-np.inf))
    return (scores - low) / (high - low) if high > low else np.zeros(len(scores))


def _by_distribution(view: View) -> NDArray[np.float64]:
    scores = view.scores.astype(np.float64)
    mean, deviation = float(scores.mean()), float(scores.std())
    if deviation == 0:
        return np.full(len(scores), 0.5)
    low = mean - _SPREAD * deviation
    return np.clip((scores - low) / (2 * _SPREAD * deviation), 0.0, 1.0)
