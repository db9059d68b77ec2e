"""Answers made of the passages' own sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..answers import Answer, Citation
from ..documents import Passage
from ..embedding.protocol import Embedder
from ..sentences import sentences
from .features import Candidate, make
from .question import analyse
from .words import Analyser, WordReader

ABSTAINED = "The documents do not answer this."


class ExtractiveGenerator:
    """Quotes the sentences that answer the question best."""

    def __init__(
        self, embedder: Embedder | None, analyser: Analyser, *, max_sentences: int = 3, threshold: float = 0.1
    ) -> None:
        self._embedder = embedder
        self._reader = WordReader(analyser)
        self.max_sentences = max_sentences
        self.threshold = threshold

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from the passages."""
        cands = [
            Candidate(p, s, a, b, passage.text[a:b])
            for p, passage in enumerate(passages)
            for s, (a, b) in enumerate(sentences(passage.text))
        ]
        if not cands:
            return Answer(question, ABSTAINED, passages=tuple(passages), abstained=True, reason="nothing was retrieved")
        sim = None
        if self._embedder is not None:
            sim = self._embedder.embed_passages([c.text for c in cands]) @ self._embedder.embed_queries([question])[0]
        keys, x = make(analyse(question), cands, self._reader, [p.title for p in passages], [p.score for p in passages], sim)
        score = x[:, keys.index("overlap_ctx")] + x[:, keys.index("cos")] + 0.2 * x[:, keys.index("near")]
        order = np.argsort(-score, kind="stable")[: self.max_sentences]
        quoted = [cands[int(i)] for i in order]
        citations = tuple(self._cite(n, c, passages[c.passage]) for n, c in enumerate(quoted, 1))
        text = " ".join(f"{c.quote} [{c.n}]" for c in citations)
        return Answer(question, text, citations, tuple(passages), support=0.5)

    @staticmethod
    def _cite(n: int, c: Candidate, p: Passage) -> Citation:
        return Citation(
            n, p.document, p.source, p.start + c.start, p.start + c.end, c.text, p.chunk, p.title, p.heading, p.page
        )
