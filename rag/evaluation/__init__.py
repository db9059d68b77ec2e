"""Measure retrieval and answers: figures count failures, carry intervals, and name what they leave out.

>>> from rag.evaluation import evaluate, read_questions              # doctest: +SKIP
>>> result = evaluate(retriever, read_questions("questions.jsonl"))  # doctest: +SKIP
>>> print(result.metrics["context_recall"])                          # doctest: +SKIP
0.871 [0.842, 0.899] (n 300)
"""

from __future__ import annotations

from .aggregate import Aggregate, Score
from .collecting import ask_all
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
