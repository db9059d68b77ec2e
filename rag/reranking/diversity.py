"""Diversity: a passage is worth less if one like it was taken before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..errors import InvalidInput
from ..knowledge_base import KnowledgeBase


class MaximalMarginalRelevance:
    """Maximal marginal relevance: takes relevant passages that differ from those already taken.

    Each choice maximises ``(1 - diversity) * relevance - diversity * likeness``: relevance is the score that passages
    came with, from 0 for the least to 1 for the best of them, likeness the greatest cosine with a passage taken.

    Parameters
    ----------
    kb
        Holds the vectors.
    diversity
        0 to 1: 0 keeps the order, 1 looks at likeness alone.

    References
    ----------
    J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
    summaries", SIGIR 1998.
    """

    def __init__(self, kb: KnowledgeBase, *, diversity: float = 0.3) -> None:
        if not 0 <= diversity <= 1:
            raise InvalidInput(f"diversity={diversity}: give 0 to 1")
        self.name = "mmr"
        self.diversity = diversity
        self._kb = kb

    def score(
        self,
        question: str,  # noqa: ARG002 - its vector is in the passages' scores already
        passages: Sequence[Passage],
        *,
        deadline: float | None = None,  # noqa: ARG002 - milliseconds
    ) -> NDArray[np.float64]:
        """Return n for the passage taken first, n - 1 for the second, and so on: float64, shape (n,)."""
        scores = np.array([passage.score for passage in passages])
        spread = scores.max() - scores.min()
        relevance = (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores))
        vectors = self._kb.vectors([passage.chunk for passage in passages]).astype(np.float64)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return self._in_order(relevance, vectors @ vectors.T)

    def _in_order(self, relevance: NDArray[np.float64], alike: NDArray[np.float64]) -> NDArray[np.float64]:
        n = len(relevance)
        result = np.zeros(n)
        nearest = np.zeros(n)
        waiting = np.ones(n, np.bool_)
        for place in range(n):
            worth = (1 - self.diversity) * relevance - self.diversity * nearest
            best = int(np.argmax(np.where(waiting, worth, -np.inf)))
            waiting[best] = False
            result[best] = n - place
            nearest = np.maximum(nearest, alike[best])
        return result
