"""Hypothetical document embeddings: search near a passage that a model imagines as the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..deadlines import Deadline
from .by_model import ByModel
from .corpus import Corpus
from .protocol import QueryDraft


class HyDE(ByModel):
    """Moves the question's vector to the mean of its own and that of an imagined passage; terms stay the question's.

    L. Gao, X. Ma, J. Lin and J. Callan, "Precise zero-shot dense retrieval without relevance labels", ACL 2023.
    """

    name = "hyde"

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the question with its vector moved."""
        until = Deadline.after(deadline)
        passage = self.ask(asked, deadline)[0]
        own = asked.vector
        if own is None:
            own = until.run(lambda: corpus.embedder.embed_queries([asked.text]))[0]
        mean = (own + until.run(lambda: corpus.embedder.embed_passages([passage]))[0]) / 2
        length = float(np.linalg.norm(mean))
        return asked if length == 0 else replace(asked, vector=np.asarray(mean / length, np.float32))
