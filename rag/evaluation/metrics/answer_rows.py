"""Helpers of all metrics of answers: references, rows that cannot be scored, and the optional packages."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...errors import ExtraMissing
from ...terms import UNSPACED, combining_marks
from ..aggregate import Score
from .cases import Case, Cases

NO_REFERENCE = "no reference answer"
NO_ANSWER = "the system only retrieves"


def references(case: Case) -> tuple[str, ...]:
    """Return the reference answers; for an unanswerable question, the empty one."""
    return case.question.answers or (("",) if case.question.unanswerable else ())


def unscored(case: Case, *, needs_references: bool = True) -> Score | None:
    """Return the score of a row that cannot be scored or has failed; None if it can be scored."""
    if needs_references and not references(case):
        return Score(None, NO_REFERENCE)
    if case.outcome.error:
        return Score(0.0, case.outcome.error, failed=True)
    return Score(None, NO_ANSWER) if case.outcome.answer is None else None


def against_references(cases: Cases, value: Callable[[str, Sequence[str]], float]) -> list[Score]:
    """Score each answer's text with its references."""
    return [unscored(case) or Score(value(case.text, references(case))) for case in cases]


def words(text: str) -> list[str]:
    """Return the lower-case words of a text in any script.

    Runs of letters and digits, with their combining marks; each character of a script that is written without spaces
    (Chinese, Japanese, Thai ...) is a word.
    """
    return _word().findall(spaced(text).lower())


def spaced(text: str) -> str:
    """Return a text with spaces round each character of a script that is written without them."""
    return text if text.isascii() else _unspaced().sub(r" \g<0> ", text)


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{UNSPACED}][{combining_marks()}]*")


@cache
def _word() -> re.Pattern[str]:
    return re.compile(rf"[^\W_](?:[^\W_]|[{combining_marks()}])*")


def evaluation_extra(module: str, purpose: str) -> Any:  # noqa: ANN401 - a module
    """Import a module of the extra ``evaluation``.

    Raises
    ------
    ExtraMissing
        With the install line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ExtraMissing(
            f"{purpose} need {package}, which is not installed; pip install 'rag-workbench[evaluation]'"
        ) from error
