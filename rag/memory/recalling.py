"""A retriever that also looks into a memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import RagError
from ..retriever import Retrieval
from ..searching import Layer, Searcher
from .memory import Memory

if TYPE_CHECKING:
    from ..filters import Filter
    from ..query import Query

log = logging.getLogger(__name__)


class RememberingRetriever(Layer):
    """Puts what the user's long-term memory says of a question behind what the documents say.

    A passage of the memory has the type ``memory``, the chunk -1 and a source that begins with ``session/``; its score
    counts among the memory's passages only, so they keep their place behind the documents'. A filter over documents
    holds for documents. A memory that fails is left out, and the result is marked.

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
        return [self._joined(found) for found in self.retriever.search_many(questions, k, where=where)]

    def _joined(self, found: Retrieval) -> Retrieval:
        try:
            recalled = self.memory.recall(found.question, self.memories)
        except (RagError, OSError) as error:
            log.info("the memory was left out: %s", error)  # the caller is told by `notes`
            return replace(found, notes=(*found.notes, f"the memory was left out: {error}"))
        first = len(found.passages) + 1
        least = min((passage.score for passage in found.passages), default=0.0)
        behind = [
            replace(passage, rank=rank, score=least - rank, chunk=-1, scores={"memory": passage.score})
            for rank, passage in enumerate(recalled, first)
        ]
        return replace(found, passages=[*found.passages, *behind])
