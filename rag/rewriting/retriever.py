"""A retriever that rewrites questions before it searches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..components import Tools
from ..documents import Passage, Query, as_query
from ..llm.spending import metered
from ..retrieval.fusion import ZScore
from ..retrieval.hybrid import Retrieval, Retriever
from ..searching import Layer, Searcher
from .corpus import LiveCorpus
from .registry import AUTO
from .registry import rewriting as made
from .stage import Rewriting, Rewritten

if TYPE_CHECKING:
    from ..filters import Filter
    from ..llm.language_model import LanguageModel
    from ..retrieval.explanation import Explanation
    from .protocol import QueryRewriter

RRF_K = 60.0
_SEEN = 10
"""Passages that a second look sees, at least."""
DEEPER = 3
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
        Names such as ``"auto"`` or ``"acronyms,rm3:docs=5"``, rewriters of your own in a list, or what
        `rag.rewriting.rewriting` makes of them with a deadline.
    model
        For rewriters by a language model; ``auto`` uses it where one is given.

    Raises
    ------
    InvalidInput
        A name or option that does not exist, or a rewriter that needs a model where none is given.

    Examples
    --------
    >>> retriever = RewritingRetriever(Retriever(kb), "auto")  # doctest: +SKIP
    >>> retriever.retrieve("how do i delet a document")        # doctest: +SKIP

    References
    ----------
    G. Cormack, C. Clarke and S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.
    """

    def __init__(
        self,
        retriever: Searcher,
        rewriting: str | Sequence[str | QueryRewriter] | Rewriting = AUTO,
        *,
        model: LanguageModel | None = None,
    ) -> None:
        super().__init__(retriever)
        if not isinstance(rewriting, Rewriting):
            rewriting = made(rewriting, Tools(retriever.kb, model)) or Rewriting([])
        self.rewriting = rewriting
        self._corpus = LiveCorpus(retriever)

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question; the queries of all of them are searched for together."""
        wanted = self.k if k is None else k
        rewritten, seconds, spent = [], [], []
        for question in questions:
            start = time.perf_counter()
            with metered() as meter:
                rewritten.append(self.rewrite(question))
            spent.append(meter)
            seconds.append(time.perf_counter() - start)
        plain = [own.queries[0][0] for own in rewritten if len(own.queries) == 1]
        several = [query for own in rewritten if len(own.queries) > 1 for query, _ in own.queries]
        looking = self._may_look_again
        found = iter(self.retriever.search_many(plain, self.depth(wanted), where=where) if plain else [])
        many = iter(self.retriever.search_many(several, DEEPER * wanted, where=where) if several else [])
        results = []
        for own, taken, meter in zip(rewritten, seconds, spent, strict=True):
            parts = [next(found)] if len(own.queries) == 1 else [next(many) for _ in own.queries]
            seen = time.perf_counter()
            with metered() as later:
                told = self.after(own, parts[0].passages) if looking and len(parts) == 1 else own
            again = time.perf_counter() - seen
            if len(told.queries) > len(parts):
                more = [query for query, _ in told.queries[1:]]
                parts += self.retriever.search_many(more, DEEPER * wanted, where=where)
            one = self.joined(told, parts, wanted)
            timings = {"rewrite": taken + again, **one.timings}
            paid = (*meter, *later, *one.spent)
            results.append(replace(one, timings=timings, notes=(*told.notes, *one.notes), spent=paid))
        return results

    @property
    def _may_look_again(self) -> bool:
        """Whether a second look is configured, and scores have the scale that it judges by."""
        inner = self.retriever
        own = isinstance(inner, Retriever) and inner.dense and inner.terms and isinstance(inner.fusion, ZScore)
        return own and self.rewriting.has_second_look

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages, see `rag.retrieval.explanation`."""
        from ..retrieval.explanation import explain

        return explain(self, question, k, where=where)

    def depth(self, k: int) -> int:
        """Return how many passages of the plain question are searched for, where ``k`` are asked for."""
        return max(DEEPER * k, _SEEN) if self._may_look_again else k

    def after(self, done: Rewritten, passages: Sequence[Passage]) -> Rewritten:
        """Return what is to be searched for besides, once the plain result is there."""
        return self.rewriting.after(done, passages, self._corpus) if self._may_look_again else done

    @staticmethod
    def joined(done: Rewritten, parts: Sequence[Retrieval], k: int) -> Retrieval:
        """Return the best ``k`` passages of what the queries found, one result a query."""
        return replace(parts[0], passages=parts[0].passages[:k]) if len(parts) == 1 else _joined(done, parts, k)

    def rewrite(self, question: str | Query) -> Rewritten:
        """Return what would be searched for."""
        return self.rewriting.run(as_query(question), self._corpus)


def share(weight: float, rank: int) -> float:
    """Return what a query's result adds to the score of the passage at a rank in it."""
    return weight / (RRF_K + rank)


def _joined(own: Rewritten, parts: Sequence[Retrieval], k: int) -> Retrieval:
    scores: dict[int, float] = {}
    best: dict[int, Passage] = {}
    for (_, weight), part in zip(own.queries, parts, strict=True):
        for rank, passage in enumerate(part.passages, 1):
            scores[passage.chunk] = scores.get(passage.chunk, 0.0) + share(weight, rank)
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
    return Retrieval(own.text, passages, timings, notes, tuple(call for part in parts for call in part.spent))
