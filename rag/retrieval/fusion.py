"""Joining what several searches say of the same passages into one score."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput

DENSE_WEIGHT = 0.7

FARTHEST = 20.0
"""Standard deviations that a score can stand above the mean; see `standard_scores`."""


@dataclass(frozen=True, slots=True)
class View:
    """What one search says of a question's ``n`` candidates.

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
    """What `Retriever` asks of a fusion; write your own by these two members.

    ``complete`` says whether ``fuse`` needs the scores of all candidates from every search, and the background.
    """

    @property
    def complete(self) -> bool:
        """Whether views must be complete."""
        ...

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return one score for each candidate: float64, shape (n,), finite, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class ZScore:
    """Weighted sum of standard scores against a background sample.

    Each search's score becomes the number of standard deviations by which it stands above the search's mean score over
    a random sample of the knowledge base, and the fused score is ``dense_weight`` times the one plus
    ``1 - dense_weight`` times the other. Two things set this apart from standardising the two result lists: every
    candidate has both scores, so one that only one search listed is not guessed at; and mean and deviation are those
    of ordinary passages, so they depend neither on the length of the lists nor on the filter, and a list whose best
    hits stand far out of the crowd keeps its say.

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
        checked_weight(self.dense_weight)

    def fuse(self, views: Sequence[View]) -> NDArray[np.float64]:
        """Return the weighted sum of standard scores."""
        return summed(self.parts(views))

    def parts(self, views: Sequence[View]) -> list[NDArray[np.float64]]:
        """Return what each search adds to the score of each candidate."""
        return weighted(views, self.dense_weight, standard_scores)


def weighted(
    views: Sequence[View], dense_weight: float, scaled: Callable[[View], NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return weighted scaled scores by search, to 5 decimals; all searches but the dense share one weight.

    Vectors that were embedded in a batch differ in their last bits from those embedded alone; the order must not.
    """
    others = max(1, sum(view.name != "dense" for view in views))
    weights = [dense_weight if view.name == "dense" else (1 - dense_weight) / others for view in views]
    return [np.round(weight * scaled(view), 5) for weight, view in zip(weights, views, strict=True)]


def summed(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sum of what the searches add, to 5 decimals as they are: float64, shape (n,)."""
    total = np.zeros(len(parts[0]))
    for part in parts:
        total += part
    return np.round(total, 5)


def checked_weight(weight: float) -> None:
    """Refuse a share that is none."""
    if not 0 <= weight <= 1:
        raise InvalidInput(f"dense_weight must be from 0 to 1, not {weight!r}")


def standard_scores(view: View) -> NDArray[np.float64]:
    """Return ``(score - mean) / deviation`` of every candidate, with the background's mean and deviation.

    A sample may hold no passage with any of the question's words, so its deviation may be 0 or tiny; it is taken to be
    large enough that no candidate stands more than ``FARTHEST`` deviations above the mean.
    """
    scores = view.scores.astype(np.float64)
    background = view.background.astype(np.float64) if len(view.background) else scores
    mean = float(background.mean()) if len(background) else 0.0
    highest = float((scores - mean).max(initial=0.0))
    deviation = max(float(background.std()) if len(background) else 0.0, highest / FARTHEST)
    return (scores - mean) / deviation if deviation > 0 else np.zeros(len(scores))


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """Reciprocal rank fusion: the sum over the searches of ``1 / (k + rank)``; nothing where a search lists it not.

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
        "adaptive": "rag.score_fusions:Adaptive",
        "dbsf": "rag.score_fusions:DistributionBased",
        "minmax": "rag.score_fusions:MinMax",
        "rrf": "rag.retrieval.fusion:ReciprocalRank",
        "zscore": "rag.retrieval.fusion:ZScore",
    }
)


def fusion(name: str, *, dense_weight: float = DENSE_WEIGHT) -> Fusion:
    """Return the fusion of that name in `FUSIONS`; ``dense_weight`` is for those that weigh."""
    if name not in FUSIONS:
        named = ", ".join(map(repr, FUSIONS))
        raise InvalidInput(f"no fusion {name!r}; give one of {named}, or an object with `complete` and `fuse`")
    module, _, attribute = FUSIONS[name].partition(":")
    made: Fusion = getattr(importlib.import_module(module), attribute)(**_weights(name, dense_weight))
    return made


def _weights(name: str, dense_weight: float) -> dict[str, float]:
    return {} if name == "rrf" else {"dense_weight": dense_weight}
