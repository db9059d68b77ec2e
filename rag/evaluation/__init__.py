"""Measure retrieval and answers: figures that count failures, carry intervals, and say what they leave out.

>>> from rag.evaluation import evaluate, read_questions              # doctest: +SKIP
>>> result = evaluate(retriever, read_questions("questions.jsonl"))  # doctest: +SKIP
>>> print(result.metrics["context_recall"])                          # doctest: +SKIP
0.871 [0.842, 0.899] (n 300)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aggregate import Aggregate, Score
    from .asking import ask_all
    from .evaluator import evaluate, score
    from .judge import Judge
    from .metrics.cases import Case, Outcome, Resources
    from .questions.question_files import read_questions, write_questions
    from .questions.questions import GoldSpan, Question, QuestionSet
    from .results import Evaluation, Saved
    from .robustness.typos import with_typos

__all__ = [
    "Aggregate",
    "Case",
    "Evaluation",
    "GoldSpan",
    "Judge",
    "Outcome",
    "Question",
    "QuestionSet",
    "Resources",
    "Saved",
    "Score",
    "ask_all",
    "evaluate",
    "read_questions",
    "score",
    "with_typos",
    "write_questions",
]

_HOME = {
    "Aggregate": ".aggregate",
    "Case": ".metrics.cases",
    "Evaluation": ".results",
    "Judge": ".judge",
    "Outcome": ".metrics.cases",
    "Question": ".questions.questions",
    "QuestionSet": ".questions.questions",
    "Resources": ".metrics.cases",
    "Saved": ".results",
    "Score": ".aggregate",
    "GoldSpan": ".questions.questions",
    "ask_all": ".asking",
    "evaluate": ".evaluator",
    "read_questions": ".questions.question_files",
    "score": ".evaluator",
    "with_typos": ".robustness.typos",
    "write_questions": ".questions.question_files",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
