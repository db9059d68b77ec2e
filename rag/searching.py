"""What a bot asks of whatever finds its passages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from .errors import InvalidInput

if TYPE_CHECKING:
    from .documents import Passage, Query
    from .filters import Filter
    from .knowledge_base import KnowledgeBase
    from .retrieval.hybrid import Retrieval


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


class Layer(ABC):
    """A searcher around another one: it has the same knowledge base and answers by its own ``search_many``.

    Raises
    ------
    InvalidInput
        What is given is no searcher.
    """

    def __init__(self, retriever: Searcher) -> None:
        if not hasattr(retriever, "search_many"):
            given = type(retriever).__name__
            raise InvalidInput(f"a {type(self).__name__} stands over a retriever, not a {given}: give Retriever(kb)")
        self.retriever = retriever

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base of the documents."""
        return self.retriever.kb

    @property
    def k(self) -> int:
        """Passages to return where a question does not say."""
        return self.retriever.k

    def retrieve(
        self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Passage]:
        """Return the passages that fit a question, best first."""
        return self.search(question, k, where=where).passages

    def retrieve_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[list[Passage]]:
        """Return the passages for each question."""
        return [found.passages for found in self.search_many(questions, k, where=where)]

    def search(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Retrieval:
        """Return the passages that fit a question, with timings and notes of what failed and was left out."""
        return self.search_many([question], k, where=where)[0]

    @abstractmethod
    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question."""
