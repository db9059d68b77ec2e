"""A retriever that also looks into a memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..documents import Query, as_query
from ..errors import RagError, in_words
from ..retrieval.hybrid import Retrieval
from ..searching import Layer, Searcher
from .memory import Memory

if TYPE_CHECKING:
    from ..filters import Filter
    from ..retrieval.explanation import Explanation

log = logging.getLogger(__name__)


class RememberingRetriever(Layer):
    """Puts what the user's long-term memory says of a question behind what the documents say.

    A passage of the memory has the type ``memory``, the chunk -1 and a source that begins with ``session/``; its score
    counts among the memory's passages only, so they keep their place behind the documents'. A filter over documents
    holds for documents. A memory that fails is left out, and the result is marked.

    A question that brings no history gets the turns that the memory keeps, so that a rewriting below can make it stand
    alone.

    Parameters
    ----------
    retriever
        Over the documents.
    memory
        Of the user and session.
    k
        Passages of the memory, at most.
    """

    def __init__(self, retriever: Searcher, memory: Memory, *, k: int = 2) -> None:
        super().__init__(retriever)
        self.memory = memory
        self.memories = k

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question."""
        asked = self.with_history(questions)
        return [self.joined(found) for found in self.retriever.search_many(asked, k, where=where)]

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages, see `rag.retrieval.explanation`."""
        from ..retrieval.explanation import explain

        return explain(self, question, k, where=where)

    def with_history(self, questions: Sequence[str | Query]) -> list[Query]:
        """Return the questions as queries, with the memory's turns where they have no history of their own."""
        queries = [as_query(question) for question in questions]
        if all(query.history for query in queries):
            return queries
        try:
            turns = tuple(turn.question for turn in self.memory.turns())
        except (RagError, OSError) as error:
            log.info("the memory's turns were left out: %s", in_words(error))  # `joined` fails on it too, and tells
            return queries
        return [query if query.history else replace(query, history=turns) for query in queries]

    def joined(self, found: Retrieval) -> Retrieval:
        """Put what the memory says behind what was found."""
        try:
            recalled = self.memory.recall(found.question, self.memories)
        except (RagError, OSError) as error:
            log.info("the memory was left out: %s", in_words(error))  # the caller is told by `notes`
            return replace(found, notes=(*found.notes, f"the memory was left out: {in_words(error)}"))
        first = len(found.passages) + 1
        least = min((passage.score for passage in found.passages), default=0.0)
        behind = [
            replace(passage, rank=rank, score=least - rank, chunk=-1, scores={"memory": passage.score})
            for rank, passage in enumerate(recalled, first)
        ]
        return replace(found, passages=[*found.passages, *behind])
