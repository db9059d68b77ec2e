"""A retriever whose passages are reranked and shaped before anyone reads them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..components import Tools
from ..context.registry import context as made_context
from ..context.stage import Built, Context
from ..llm.spending import metered
from ..reranking.registry import reranking as made_reranking
from ..reranking.stage import Reranked, Reranking
from ..searching import Layer, Searcher
from .hybrid import Retrieval

if TYPE_CHECKING:
    from ..context.protocol import ContextBuilder
    from ..documents import Query
    from ..filters import Filter
    from ..llm.language_model import LanguageModel
    from ..reranking.protocol import Reranker
    from .explanation import Explanation


@dataclass(frozen=True, slots=True)
class Refinement:
    """What came of a retrieval: the result, and what each stage says of itself; None where there is no such stage."""

    retrieval: Retrieval
    reranked: Reranked | None = None
    built: Built | None = None


class RefinedRetriever(Layer):
    """A `Retriever` with a reranking and a context behind it; used wherever a retriever is.

    Parameters
    ----------
    retriever
        Searches; asked for ``Reranking.top_k_in`` passages where there is a reranking.
    reranking
        Names such as ``"late-interaction+mmr"``, rerankers of your own in a list, or what `rag.reranking.reranking`
        makes of them with other numbers of passages or another deadline.
    context
        Names such as ``"neighbours+unique"``, steps of your own in a list, or what `rag.context.context` makes of them.
        What it widens and drops is what the generator reads; without one, what is found.
    model
        For rerankers by a language model.

    Raises
    ------
    InvalidInput
        A name or option that does not exist, or a reranker that needs a model where none is given.
    """

    def __init__(
        self,
        retriever: Searcher,
        *,
        reranking: str | Sequence[str | Reranker] | Reranking | None = None,
        context: str | Sequence[str | ContextBuilder] | Context | None = None,
        model: LanguageModel | None = None,
    ) -> None:
        super().__init__(retriever)
        tools = Tools(retriever.kb, model)
        if reranking is not None and not isinstance(reranking, Reranking):
            reranking = made_reranking(reranking, tools)
        if context is not None and not isinstance(context, Context):
            context = made_context(context, tools)
        self.reranking = reranking
        self.context = context

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question."""
        wanted = self.k if k is None else k
        deep = wanted if self.reranking is None else self.reranking.wanted(wanted)
        found = self.retriever.search_many(questions, deep, where=where)
        return [self.refine(each, wanted).retrieval for each in found]

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages, see `rag.retrieval.explanation`."""
        from .explanation import explain

        return explain(self, question, k, where=where)

    def refine(self, found: Retrieval, k: int) -> Refinement:
        """Rerank and shape what was found, for ``k`` passages; says what moved, what was dropped, what failed."""
        reranked = built = None
        notes = list(found.notes)
        spent = list(found.spent)
        timings = dict(found.timings)
        passages = found.passages
        if self.reranking is not None:
            start = time.perf_counter()
            with metered() as meter:
                reranked = self.reranking.run(found.question, passages, k)
            spent += meter
            passages = reranked.passages
            notes += [reranked.failure] if reranked.failure else []
            timings["rerank"] = time.perf_counter() - start
        if self.context is not None:
            start = time.perf_counter()
            built = self.context.run(found.question, passages)
            passages = built.passages
            notes += [built.failure] if built.failure else []
            timings["context"] = time.perf_counter() - start
        retrieval = replace(found, passages=passages, timings=timings, notes=tuple(notes), spent=tuple(spent))
        return Refinement(retrieval, reranked, built)
