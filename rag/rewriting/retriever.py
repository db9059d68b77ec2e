"""A retriever that rewrites questions before it searches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..documents import Passage
from ..query import Query, as_query
from ..retriever import Retrieval
from ..searching import Layer, Searcher
from .corpus import LiveCorpus
from .stage import Rewriting, Rewritten

if TYPE_CHECKING:
    from ..explanation import Explanation
    from ..filters import Filter

RRF_K = 60.0
_DEEPER = 3
"""Passages taken of each query, times what is asked for, where the results of several are joined."""


class RewritingRetriever(Layer):
    """A retriever with rewriters before it; used wherever a retriever is.

    Where rewriters ask for several queries, their results are joined by weighted reciprocal rank. Where they change
    nothing, the result is that of the retriever, to the last bit.

    Parameters
    ----------
    retriever
        Searches.
    rewriting
        See `rag.rewriting.rewriting`.

    References
    ----------
    G. Cormack, C. Clarke and S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.
    """

    def __init__(self, retriever: Searcher, rewriting: Rewriting) -> None:
        super().__init__(retriever)
        self.rewriting = rewriting
        self._corpus = LiveCorpus(retriever)

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question; the queries of all of them are searched for together."""
        wanted = self.k if k is None else k
        rewritten, seconds = [], []
        for question in questions:
            start = time.perf_counter()
            rewritten.append(self.rewrite(question))
            seconds.append(time.perf_counter() - start)
        plain = [own.queries[0][0] for own in rewritten if len(own.queries) == 1]
        several = [query for own in rewritten if len(own.queries) > 1 for query, _ in own.queries]
        found = iter(self.retriever.search_many(plain, wanted, where=where) if plain else [])
        many = iter(self.retriever.search_many(several, _DEEPER * wanted, where=where) if several else [])
        results = []
        for own, taken in zip(rewritten, seconds, strict=True):
            parts = [next(found)] if len(own.queries) == 1 else [next(many) for _ in own.queries]
            one = parts[0] if len(parts) == 1 else _joined(own, parts, wanted)
            timings = {"rewrite": taken, **one.timings}
            results.append(replace(one, timings=timings, notes=(*own.notes, *one.notes)))
        return results

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages, see `rag.explanation`."""
        from ..explanation import explain

        return explain(self, question, k, where=where)

    def rewrite(self, question: str | Query) -> Rewritten:
        """Return what would be searched for."""
        return self.rewriting.run(as_query(question), self._corpus)


def _joined(own: Rewritten, parts: Sequence[Retrieval], k: int) -> Retrieval:
    scores: dict[int, float] = {}
    best: dict[int, Passage] = {}
    for (_, weight), part in zip(own.queries, parts, strict=True):
        for rank, passage in enumerate(part.passages, 1):
            scores[passage.chunk] = scores.get(passage.chunk, 0.0) + weight / (RRF_K + rank)
            best.setdefault(passage.chunk, passage)
    order = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:k]
    passages = [
        replace(best[chunk], rank=rank, score=scores[chunk], scores={"fused": best[chunk].score, **best[chunk].scores})
        for rank, chunk in enumerate(order, 1)
    ]
    timings: dict[str, float] = {}
    for part in parts:
        for stage, taken in part.timings.items():
            timings[stage] = timings.get(stage, 0.0) + taken
    notes = tuple(note for part in parts for note in part.notes)
    return Retrieval(own.text, passages, timings, notes)
