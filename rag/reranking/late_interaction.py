"""Late interaction: every word of the question looks for its best match among the words of the passage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage, context_text
from ..embedding import residual_codes
from ..embedding.protocol import Embedder, TokenEmbedder
from ..errors import InvalidInput
from ..knowledge_base import KnowledgeBase
from .stage import standard


class LateInteraction:
    """MaxSim over the token states of the embedder at hand, mixed with the search's own score.

    For each token of the question the greatest cosine with any token of the passage, averaged over the question's
    tokens. It needs no other model than the one that made the vectors; ColBERT's own are trained for it, a bi-encoder's
    are not, so a good part of the score stays with the search.

    A knowledge base of granularity ``chunk+late+tokens`` has kept its passages' states, in 2 bits a number, so that
    only the question goes through the model. Of any other, each passage does.

    Parameters
    ----------
    kb
        Where the passages are from.
    embedder
        One with token states, see `rag.embedding.TokenEmbedder`.
    weight
        0 to 1: share of MaxSim; the rest is the score that the passages came with. Both are standardised first.

    References
    ----------
    O. Khattab and M. Zaharia, "ColBERT: efficient and effective passage search via contextualized late interaction over
    BERT", SIGIR 2020.
    """

    def __init__(self, kb: KnowledgeBase, embedder: Embedder, *, weight: float = 0.6) -> None:
        if not isinstance(embedder, TokenEmbedder):
            raise InvalidInput(f"embedder {embedder.name!r} gives no token states; late interaction needs a model's")
        if not 0 <= weight <= 1:
            raise InvalidInput(f"weight={weight}: give 0 to 1")
        self.name = "late-interaction"
        self.weight = weight
        self._kb = kb
        self._embedder = embedder

    def score(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        deadline: float | None = None,  # noqa: ARG002 - one batch; the stage stops waiting
    ) -> NDArray[np.float64]:
        """Return the mixed scores: float64, shape (n,)."""
        asked = self._embedder.embed_tokens([question], query=True)[0].vectors
        codes = self._kb.token_codes([passage.chunk for passage in passages])
        bare = [p for p, code in zip(passages, codes, strict=True) if code is None]
        fresh = iter(self._embedder.embed_tokens([context_text(p.title, p.heading, p.text) for p in bare]))
        similar = standard(
            [
                max_sim(asked @ next(fresh).vectors.T if code is None else residual_codes.similarities(asked, code))
                for code in codes
            ]
        )
        searched = standard([passage.score for passage in passages])
        result: NDArray[np.float64] = self.weight * similar + (1 - self.weight) * searched
        return result


def max_sim(cosines: NDArray[np.float32]) -> float:
    """Return the mean over the question's tokens of the greatest cosine with a token of the passage; -1 without any.

    ``cosines`` are those of each token of the question with each of the passage: shape (n_question, n_passage).
    """
    return float(cosines.max(axis=1).mean()) if cosines.size else -1.0
