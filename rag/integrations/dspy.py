"""DSPy over a knowledge base: ``dspy.configure(rm=KnowledgeBaseRM(Retriever(kb)))``, or a tool of an agent.

It imports nothing of DSPy: a retrieval model there is whatever can be called with a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..retrieval.retriever import Retriever
from . import records


@dataclass(frozen=True, slots=True)
class Found:
    """A passage as DSPy reads it."""

    long_text: str
    score: float
    metadata: dict[str, Any]


class KnowledgeBaseRM:
    """A `rag.Retriever` as a retrieval model of DSPy.

    Parameters
    ----------
    retriever
        Over an open knowledge base.
    k
        Passages to find where a call does not say.
    """

    def __init__(self, retriever: Retriever, *, k: int = 3) -> None:
        self.retriever = retriever
        self.k = k

    def __call__(self, query: str, k: int | None = None, **options: Any) -> list[Found]:  # noqa: ANN401
        """Return the passages that fit a question; ``where=`` is a filter."""
        found = self.retriever.retrieve(query, k or self.k, where=options.get("where"))
        return [Found(passage.text, passage.score, records.place_of(passage)) for passage in found]
