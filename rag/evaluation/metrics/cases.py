"""The row that every metric reads: a question, its gold, and what the system gave for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...answers import Answer
from ...documents import Passage
from ..questions.questions import Level, Question

if TYPE_CHECKING:
    from ...embedding.protocol import Embedder
    from ...knowledge_base import KnowledgeBase
    from ..judge import Judge


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system gave for one question.

    Attributes
    ----------
    question
        Id of the question.
    passages
        As retrieved, best first, as deep as the metrics look.
    answer
        None where the system only retrieves.
    error
        What went wrong; empty where nothing did. A failed row counts as zero.
    seconds
        Wall-clock time of the question; of a batch, its even share.
    notes
        What a retriever tried and did without: a rewriter or a reranker that failed. The row counts as it is.
    """

    question: str
    passages: tuple[Passage, ...] = ()
    answer: Answer | None = None
    error: str = ""
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A question, its gold and what the system gave.

    Attributes
    ----------
    outcome
        The system's; its passages are all that were retrieved.
    ranked
        Items of the level that is judged (document or chunk ids as text), best first, each once, as deep as judged.
    gold
        Grade by item, at that level.
    k
        How many of ``ranked`` count as the context.
    """

    question: Question
    outcome: Outcome
    ranked: tuple[str, ...]
    gold: Mapping[str, int]
    k: int

    @property
    def context(self) -> tuple[str, ...]:
        """The first ``k`` items."""
        return self.ranked[: self.k]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The first ``k`` passages: what a generator reads."""
        return self.outcome.passages[: self.k]

    @property
    def relevant(self) -> frozenset[str]:
        """Items with a grade above 0."""
        return frozenset(item for item, grade in self.gold.items() if grade > 0)

    @property
    def text(self) -> str:
        """The answer's text without its citation marks; empty where there is none or the system abstained."""
        answer = self.outcome.answer
        return "" if answer is None or answer.abstained else plain(answer)


@dataclass(frozen=True, slots=True)
class Resources:
    """What some metrics need beside the rows.

    Attributes
    ----------
    level
        What ``ranked`` and ``gold`` hold.
    embedder, judge, kb
        For metrics that compare meanings, ask a model, or look documents up; None where there is none.
    """

    level: Level = "document"
    embedder: Embedder | None = None
    judge: Judge | None = None
    kb: KnowledgeBase | None = None


Cases = Sequence[Case]


_MARK = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")


def plain(answer: Answer) -> str:
    """Return the answer's text without ``[n]`` marks of citations that it has."""
    return _MARK.sub("", answer.text).strip() if answer.citations else answer.text.strip()
