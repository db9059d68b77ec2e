"""What a bot asks of whatever finds its passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .documents import Passage
    from .filters import Filter
    from .knowledge_base import KnowledgeBase
    from .query import Query
    from .retriever import Retrieval


class Searcher(Protocol):
    """A `Retriever`, or one with something behind it: a reranking, a memory."""

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base of the documents."""
        ...

    @property
    def k(self) -> int:
        """Passages to return where a question does not say."""
        ...

    def retrieve(
        self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Passage]:
        """Return the passages that fit a question, best first."""
        ...

    def retrieve_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[list[Passage]]:
        """Return the passages for each question."""
        ...

    def search(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Retrieval:
        """Return the passages that fit a question, with timings and notes."""
        ...

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question."""
        ...
