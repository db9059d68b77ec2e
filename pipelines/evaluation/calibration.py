"""Ask a bot questions with known answers, and fit the support below which it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.answers import Answer
from rag.bot import Bot
from rag.errors import RagError
from rag.evaluation.questions.questions import Question
from rag.generation.calibration import Calibration, Fitted, fit, setting_of, signals
from rag.grounding.citation_marks import folded
from rag.knowledge_base import KnowledgeBase

_SHORT = 10
"""Words of a reference answer that a model can be expected to repeat."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a calibration.

    Attributes
    ----------
    asked, unanswerable, unjudged, failed
        Questions asked, those among them without an answer, those left out for want of any gold, those that failed.
    fitted
        The calibration and its curve.
    """

    asked: int
    unanswerable: int
    unjudged: int
    failed: int
    fitted: Fitted


def calibrate(
    bot: Bot,
    questions: Sequence[Question],
    *,
    wrong_cost: float,
    risk: float | None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Ask every question and fit; the bot must not abstain by an earlier calibration."""
    judged = [question for question in questions if has_gold(question)]
    shown, right, given = [], [], []
    failed = 0
    for done, question in enumerate(judged, 1):
        try:
            answer = bot.ask(question.text)
        except RagError:
            failed += 1
            continue
        finally:
            if progress is not None:
                progress(done, len(judged))
        shown.append(signals(answer))
        # Quotes that replace a model's answer are not the model's: it learns nothing from them.
        own = not answer.abstained and answer.generator == name_of(bot)
        given.append(own)
        right.append(own and is_right(answer, question))
    fitted = fit(shown, right, given, wrong_cost=wrong_cost, risk=risk, seed=seed)
    fitted = fitted._replace(calibration=replace(fitted.calibration, pipeline=bot.config.with_(threshold=None).dumps()))
    unanswerable = sum(question.unanswerable for question in judged)
    return Report(len(shown), unanswerable, len(questions) - len(judged), failed, fitted)


def keep(kb: KnowledgeBase, generator: str, calibration: Calibration | None) -> None:
    """Keep a calibration with the knowledge base, or delete it."""
    kb.keep_setting(setting_of(generator), None if calibration is None else calibration.as_json())


def name_of(bot: Bot) -> str:
    """Return the name that a bot's calibration is kept under."""
    return str(getattr(bot.generator, "name", "extractive"))


def has_gold(question: Question) -> bool:
    """Whether it is known what a right answer is."""
    return bool(question.unanswerable or question.answers or question.spans or question.documents)


def is_right(answer: Answer, question: Question) -> bool:
    """Judge an answer by the best gold there is: spans, reference answers, documents; never right without an answer.

    Spans: the first citation overlaps one. Reference answers: one of them occurs in the first cited quote of an
    extractive answer, in the text of any other; what a language model says in words of its own is held against short
    ones even where spans are known, and against spans where there are only long ones. Documents: the first citation
    is of one.
    """
    if question.unanswerable or not answer.citations:
        return False
    first, quotes = answer.citations[0], answer.generator == "extractive"
    short = [reference for reference in question.answers if len(reference.split()) <= _SHORT]
    if question.spans and (quotes or not short):
        return any(s.document == first.document and s.start < first.end and first.start < s.end for s in question.spans)
    if question.answers:
        said = folded(first.quote if quotes else answer.supported_text).casefold()
        return any(folded(reference).casefold() in said for reference in question.answers)
    return question.documents.get(first.document, 0) > 0
