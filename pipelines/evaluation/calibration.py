"""Ask a bot questions with known answers, and fit the support below which it abstains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answers import Answer
from rag.bot import Bot
from rag.errors import RagError
from rag.evaluation.questions.questions import Question
from rag.evaluation.questions.taking_out import REAL_QUESTIONS, answering, copied, without
from rag.extractive.scoring import default_threshold
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
    before, after
        Share of the answerable questions that are answered without a calibration, and with this one.
    lost_before, lost_after
        The same of the unanswerable questions; None where there is none.
    copied
        Mean of `copied` over the questions whose answer is known: how much of it they repeat; None where none is.
    n_right, n_wrong
        Answers that were given, and right or wrong.
    """

    asked: int
    unanswerable: int
    unjudged: int
    failed: int
    fitted: Fitted
    before: float
    after: float
    lost_before: float | None
    lost_after: float | None
    copied: float | None
    n_right: int
    n_wrong: int

    @property
    def better_than_chance(self) -> bool:
        """Whether the support tells right answers from wrong ones: else a threshold silences or opens a bot at random.

        One-sided at 5 %. J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a ROC curve", Radiology
        143, 1982.
        """
        area, right, wrong = self.fitted.auroc, self.n_right, self.n_wrong
        one, both = area / (2 - area), 2 * area**2 / (1 + area)
        spread = area * (1 - area) + (right - 1) * (one - area**2) + (wrong - 1) * (both - area**2)
        return area - _ONE_SIDED * math.sqrt(max(0.0, spread) / (right * wrong)) > 0.5

    @property
    def worth_storing(self) -> bool:
        """Whether the calibration may be stored: it has learnt something, or silences and opens nothing."""
        return self.better_than_chance or (
            abs(self.after - self.before) < _ALIKE
            and abs((self.lost_after or 0.0) - (self.lost_before or 0.0)) < _ALIKE
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the threshold doubtful, a sentence each."""
        said = []
        if not self.worth_storing:
            area = f"AUROC {self.fitted.auroc:.2f} of {self.n_right} and {self.n_wrong}"
            said.append(
                f"the support does not tell right answers from wrong ones on these questions ({area}): nothing is "
                "stored; read the questions, strike out those that are answered elsewhere too, or give some that "
                "people asked"
            )
        if self.lost_before is None:
            said.append(
                "no question is unanswerable, so that the threshold has not learnt when to be silent; "
                "`rag questions make --unanswerable` makes some"
            )
        if self.copied is not None and self.copied > REAL_QUESTIONS + _MARGIN:
            said.append(
                f"the questions repeat {self.copied:.0%} of their words in a row from their answers, real ones "
                f"{REAL_QUESTIONS:.0%} at most: real questions will find less support than these"
            )
        if self.after < self.before - 1e-9:
            said.append(
                f"the threshold lets the share of answerable questions that are answered fall from {self.before:.0%} "
                f"to {self.after:.0%}; a lower --wrong-cost or a higher --risk keeps more"
            )
        if self.lost_after is not None and self.lost_before is not None and self.lost_after > self.lost_before + 1e-9:
            said.append(
                f"the share of unanswerable questions that are answered rises from {self.lost_before:.0%} to "
                f"{self.lost_after:.0%}"
            )
        return tuple(said)


_MARGIN = 0.05
_ALIKE = 1e-9
_ONE_SIDED = 1.645


def calibrate(
    bot: Bot,
    questions: Sequence[Question],
    *,
    wrong_cost: float,
    risk: float | None,
    threshold: float | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Ask every question and fit; the bot must not abstain at all.

    Parameters
    ----------
    threshold
        Below which the pipeline withholds answers without a calibration; the generator's own where None.
    """
    judged = [question for question in questions if has_gold(question)]
    shown, right, given, before, lost, repeats = [], [], [], [], [], []
    default = default_threshold() if name_of(bot) == "extractive" else 0.0
    failed = 0
    for done, question in enumerate(judged, 1):
        try:
            answer = bot.ask(question.text, where=without(question, bot.config.where))
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
        before.append(own and answer.support >= (default if threshold is None else threshold))
        lost.append(question.unanswerable)
        repeats += _copied(bot.retriever.kb, question)
    fitted = fit(shown, right, given, wrong_cost=wrong_cost, risk=risk, seed=seed)
    fitted = fitted._replace(calibration=replace(fitted.calibration, pipeline=bot.config.with_(threshold=None).dumps()))
    none = np.asarray(lost)
    if risk is None:
        fitted = _guarded(fitted, np.asarray(given), np.asarray(before), none)
    after = np.asarray(given) & (fitted.judged >= fitted.calibration.threshold)
    shares = [_share(np.asarray(side), mask) for mask in (~none, none) for side in (before, after)]
    return Report(
        len(shown),
        int(none.sum()),
        len(questions) - len(judged),
        failed,
        fitted,
        shares[0] or 0.0,
        shares[1] or 0.0,
        shares[2],
        shares[3],
        float(np.mean(repeats)) if repeats else None,
        sum(right),
        sum(given) - sum(right),
    )


def _guarded(fitted: Fitted, given: NDArray[np.bool_], before: NDArray[np.bool_], none: NDArray[np.bool_]) -> Fitted:
    """Raise the threshold to where no more unanswerable questions are answered than before, unless answers are lost."""
    for threshold in sorted({point.threshold for point in fitted.curve} | {fitted.calibration.threshold}):
        if threshold < fitted.calibration.threshold:
            continue
        after = given & (fitted.judged >= threshold)
        if after[~none].sum() < before[~none].sum():
            break
        if after[none].sum() <= before[none].sum():
            return fitted._replace(calibration=replace(fitted.calibration, threshold=threshold))
    return fitted


def _share(answered: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(answered[among].mean()) if among.any() else None


def _copied(kb: KnowledgeBase, question: Question) -> list[float]:
    """Return how much of its answer a question repeats: of the sentences of its spans, or of answers that are some."""
    texts = [answer for answer in question.answers if len(answer.split()) > _SHORT]
    known = frozenset(kb.document_ids()) if question.spans and not texts else frozenset()
    inside = [s for s in question.spans if s.document in known]
    texts = texts or [answering(kb.document(s.document).text, s.start, s.end) for s in inside]
    return [max(copied(question.text, text) for text in texts)] if texts else []


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
