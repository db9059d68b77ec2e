"""The row that every metric reads: a question, its gold and the outcome."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...answers import Answer
from ...documents.document import Passage
from ..aggregate import Score
from ..questions.questions import Level, Question

if TYPE_CHECKING:
    from ...embedding.protocol import Embedder
    from ...knowledge_base import KnowledgeBase
    from ..judge import Judge


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one question.

    Attributes
    ----------
    question
        Id of the question.
    passages
        As retrieved, best first, as deep as the metrics look.
    answer
        None if the system only retrieves.
    error
        What went wrong; empty if nothing did. A failed row counts as zero.
    seconds
        Wall-clock time of the question; of a batch, its even share.
    notes
        Stages that failed and were left out, such as a rewriter or a reranker. The row counts as it is.
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
    """A question, its gold and the outcome.

    Attributes
    ----------
    outcome
        The system's; its passages are all those retrieved.
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
        """The first ``k`` passages, which a generator reads."""
        return self.outcome.passages[: self.k]

    @property
    def relevant(self) -> frozenset[str]:
        """Items with a grade above 0."""
        return frozenset(item for item, grade in self.gold.items() if grade > 0)

    @property
    def text(self) -> str:
        """The answer's text without its citation marks; empty if there is none or the system abstained."""
        answer = self.outcome.answer
        return "" if answer is None or answer.abstained else plain(answer)


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources that some metrics need besides the rows.

    Attributes
    ----------
    level
        The unit of ``ranked`` and ``gold``.
    embedder, judge, kb
        For metrics that compare meanings, ask a model, or look documents up; None if missing.
    """

    level: Level = "document"
    embedder: Embedder | None = None
    judge: Judge | None = None
    kb: KnowledgeBase | None = None


Cases = Sequence[Case]


def without_gold(case: Case, gold: object, reason: str) -> Score | None:
    """Return the score of a row without gold, for ``reason``, or of a failed one; None if it can be scored."""
    if not gold:
        return Score(None, "unanswerable" if case.question.unanswerable else reason)
    return Score(0.0, case.outcome.error, failed=True) if case.outcome.error else None


_MARK = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")


def plain(answer: Answer) -> str:
    """Return the answer's text without ``[n]`` marks of citations that it has."""
    return _MARK.sub("", answer.text).strip() if answer.citations else answer.text.strip()
