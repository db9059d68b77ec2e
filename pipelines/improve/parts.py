"""The reviewed questions in two parts: those that tune, and those that test, which nothing has looked at before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from rag.evaluation import Question, QuestionSet
from rag.feedback import Export, Feedback

_BLOCK = 2_000
"""Characters of a document: questions about one block stay in one part, as two ways to ask the same do."""


@dataclass(frozen=True)
class Parts:
    """Questions with gold, in two parts that share none.

    Attributes
    ----------
    tuning
        To try settings on, as often as it takes.
    test
        Fresh: a test looks at each of them once, and from then on they tune.
    """

    tuning: QuestionSet
    test: QuestionSet


def parts(export: Export, feedback: Feedback) -> Parts:
    """Deal reviewed questions into two parts.

    A question tunes if any run has looked at it, to tune or to test. Of the others, a digest with the file's secret
    decides, so that the same question always falls to the same part, and nobody can choose which.
    """
    seen = feedback.spent()

    def tunes(question: Question) -> bool:
        return any(answer in seen for answer in export.answers[question.id]) or _draw(question, feedback.salt)

    judged = export.questions.where(lambda q: bool(q.spans or q.unanswerable))
    return Parts(
        replace(judged.where(tunes), name="feedback, to tune"),
        replace(judged.where(lambda q: not tunes(q)), name="feedback, to test"),
    )


def placed(questions: QuestionSet) -> int:
    """Return of how many questions it is known where the answer is: what retrieval is measured on."""
    return sum(bool(question.spans) for question in questions)


def _draw(question: Question, salt: str) -> bool:
    first = min(question.spans, key=lambda span: (span.document, span.start), default=None)
    group = question.text.casefold() if first is None else f"{first.document}\n{first.start // _BLOCK}"
    return hashlib.blake2b(group.encode(errors="surrogatepass"), key=salt.encode()).digest()[0] % 2 == 0
