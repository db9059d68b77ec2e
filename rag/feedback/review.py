"""Review: a person turns what a reader said into a judged question, or rejects it.

A thumb says little: one down may be meant for the answer's tone, for a passage that is missing, or for a document that
is wrong. So it is never a judgement by itself, of no document and of no grade; what else it says is proposed to the
person that reviews it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from .relocating import nearest, relocated
from .rows import Kept, Span

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase
    from .feedback import Feedback

_LEAST_QUOTE = 8
"""Characters of a correction from which on it is searched for in the documents: fewer are found anywhere."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is right for a question.

    Attributes
    ----------
    spans
        Where the documents answer it.
    answers
        Right answers, in words.
    unanswerable
        The documents hold no answer.
    question
        The question in words that need no conversation before them; empty keeps it as it was asked.
    """

    spans: tuple[Span, ...] = ()
    answers: tuple[str, ...] = ()
    unanswerable: bool = False
    question: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a review may begin with.

    Attributes
    ----------
    judgement
        What the feedback says by itself; None where it says too little.
    why
        Where the judgement comes from, or what is missing, in a sentence.
    passages
        What was cited and what was read, as the documents hold it today: to choose from.
    lost
        Why other spans cannot be shown any more.
    """

    judgement: Judgement | None
    why: str
    passages: tuple[Span, ...] = ()
    lost: tuple[str, ...] = ()


def proposal(row: Kept, kb: KnowledgeBase) -> Proposal:
    """Return what a review of an answer's feedback may begin with."""
    cited, lost_cited = relocated(row.citations, kb)
    told, lost_told = relocated(row.spans, kb)
    read, lost_read = relocated(row.passages, kb)
    lost = tuple(dict.fromkeys((*lost_told, *lost_cited, *lost_read)))
    places = tuple(dict.fromkeys((*told, *cited, *read)))
    judgement, why = _proposed(row, cited, told, kb)
    return Proposal(judgement, why, places, lost)


def _proposed(row: Kept, cited: list[Span], told: list[Span], kb: KnowledgeBase) -> tuple[Judgement | None, str]:
    if told or row.correction:
        return _corrected(row, told, kb)
    if row.vote != "up":
        return None, "the reader disagreed and said no more: show where the answer is, or reject"
    if row.abstained:
        return Judgement(unanswerable=True), "the reader agreed that the documents do not answer"
    if cited:
        return Judgement(tuple(cited)), "the reader agreed with what the answer cites"
    return None, "the reader agreed, but nothing that the answer cites is there any more"


def _corrected(row: Kept, told: list[Span], kb: KnowledgeBase) -> tuple[Judgement, str]:
    answers = (row.correction,) if row.correction else ()
    if told:
        return Judgement(tuple(told), answers), "the reader showed where the answer is"
    if quoted := _quoted(row, kb):
        return Judgement(tuple(quoted), answers), "the reader's correction is in a document that was read"
    return Judgement((), answers), "the reader gave the right answer, but not where it is"


def _quoted(row: Kept, kb: KnowledgeBase) -> list[Span]:
    """Return where a document that was read holds the correction word for word."""
    if len(row.correction) < _LEAST_QUOTE:
        return []
    names = sorted(kb.digests({each.document for each in (*row.citations, *row.passages)}))
    found = []
    for name in names:
        document = kb.document(name)
        at = nearest(document, row.correction, 0)
        if at is not None:
            found.append(Span(name, at, at + len(row.correction), kb.digests([name])[name], row.correction))
    return found


def judge(feedback: Feedback, answer: str, judgement: Judgement | None) -> None:
    """Keep the judgement of an answer's question; None rejects it.

    Spans are looked up again, so that they hold for the documents as they are.

    Raises
    ------
    InvalidInput
        It says nothing, or both that there is no answer and where it is; or a span is not in its document.
    NoSuchAnswer
        There is none of that id.
    """
    if judgement is None:
        feedback.set_state(answer, "rejected")
        return
    if judgement.unanswerable and (judgement.spans or judgement.answers):
        raise InvalidInput("a question without an answer has no spans and no right answer; leave out one of them")
    if not (judgement.unanswerable or judgement.spans or judgement.answers):
        raise InvalidInput("say what is right: spans, answers, or that there is none; or reject it")
    own = replace(
        judgement,
        spans=tuple(feedback.spans_of(judgement.spans)),
        answers=_cleaned(judgement.answers),
        question=" ".join(judgement.question.split()),
    )
    feedback.set_state(answer, "accepted", own.as_dict())


def _cleaned(answers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.strip() for each in answers if each.strip()))
