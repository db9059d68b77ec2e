"""What all metrics of answers share: which rows have an answer and references, and what the others are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .aggregate import Score
from .cases import Case, Cases

NO_REFERENCE = "no reference answer"
NO_ANSWER = "the system only retrieves"


def references(case: Case) -> tuple[str, ...]:
    """Return the right answers; of an unanswerable question that is the empty one."""
    return case.question.answers or (("",) if case.question.unanswerable else ())


def unscored(case: Case, *, needs_references: bool = True) -> Score | None:
    """Return the score of a row without what a metric of answers needs; None where it has it."""
    if needs_references and not references(case):
        return Score(None, NO_REFERENCE)
    if case.outcome.error:
        return Score(0.0, case.outcome.error, failed=True)
    return Score(None, NO_ANSWER) if case.outcome.answer is None else None


def against_references(cases: Cases, value: Callable[[str, Sequence[str]], float]) -> list[Score]:
    """Score each answer's text with its references."""
    return [unscored(case) or Score(value(case.text, references(case))) for case in cases]
