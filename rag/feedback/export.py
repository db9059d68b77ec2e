"""Reviewed feedback as judged questions, which `rag evaluate`, `experiment`, `tune` and `improve` take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..evaluation.questions.questions import GoldSpan, Question, QuestionSet
from .relocating import relocated
from .rows import Kept, spans

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase
    from .feedback import Feedback

Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Export:
    """Judged questions.

    Attributes
    ----------
    questions
        Each once, however many readers asked it: tests over questions suppose that none is there twice.
    answers
        Ids of the answers by id of the question that they became.
    dropped
        Why reviewed answers are left out, a sentence each.
    """

    questions: QuestionSet
    answers: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...]


def export(feedback: Feedback, kb: KnowledgeBase) -> Export:
    """Return the questions of all accepted answers, with their gold as the documents hold it today.

    What was not reviewed is never exported. A span whose document has changed is where its quote is now; a question
    of which nothing is left is dropped with a reason.
    """
    made: dict[Key, Question] = {}
    answers: dict[str, tuple[str, ...]] = {}
    dropped: list[str] = []
    notes: list[str] = []
    for row in feedback.rows("accepted", voted=False):
        question, lost = _question(row, kb)
        if question is None:
            dropped.append(f"{row.id}: {'; '.join(lost)}")
            continue
        notes += [f"{row.id}: {each}" for each in lost]
        key = (" ".join(question.text.casefold().split()), question.history)
        before = made.get(key)
        made[key] = question if before is None else _merged(before, question)
        answers[made[key].id] = (*answers.get(made[key].id, ()), row.id)
    return Export(QuestionSet(tuple(made.values()), "feedback", tuple(dropped), tuple(notes)), answers, tuple(dropped))


def _question(row: Kept, kb: KnowledgeBase) -> tuple[Question | None, list[str]]:
    judged: Mapping[str, Any] = row.judged or {}
    found, lost = relocated(spans(judged.get("spans", ())), kb)
    right = tuple(judged.get("answers", ()))
    if not (found or right or judged.get("unanswerable")):
        return None, lost or ["nothing is known to be right"]
    own = judged.get("question") or row.question
    question = Question(
        id=row.id,
        text=own,
        spans=tuple(GoldSpan(each.document, each.start, each.end) for each in found),
        answers=right,
        unanswerable=bool(judged.get("unanswerable")),
        metadata={"source": "feedback", "vote": row.vote or "none"},
        history=() if judged.get("question") else tuple(turn.content for turn in row.history),
    )
    return question, lost


def _merged(first: Question, other: Question) -> Question:
    """Return one question with the gold of two; where one reader found an answer, there is one."""
    gold = tuple(dict.fromkeys((*first.spans, *other.spans)))
    answers = tuple(dict.fromkeys((*first.answers, *other.answers)))
    return Question(
        id=first.id,
        text=first.text,
        spans=gold,
        answers=answers,
        unanswerable=not (gold or answers),
        metadata=first.metadata,
        history=first.history,
    )
