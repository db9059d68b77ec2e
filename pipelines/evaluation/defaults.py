"""Default metrics of `rag evaluate`, and its judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rag.errors import InvalidInput
from rag.evaluation import QuestionSet
from rag.evaluation.evaluator import DEFAULT_METRICS
from rag.evaluation.metrics.registry import needs
from rag.retrieval.retriever import is_language_model

JudgeKind = Literal["none", "extractive", "llm"]
JUDGES: tuple[JudgeKind, ...] = ("none", "extractive", "llm")

_SUPPORTED = ("faithfulness", "answer_relevance", "citation_precision", "citation_recall", "abstention_accuracy")
_JUDGED = ("context_precision_judged", "faithfulness_judged", "answer_relevance_judged")
_WITH_REFERENCES = ("answer_containment", "f1", "exact_match")


def judge_kind(judge: str) -> JudgeKind:
    """Return what kind of judge ``--judge`` names: ``none``, ``extractive``, or ``llm`` for a language model's spec.

    Raises
    ------
    InvalidInput
        It names none of these.
    """
    if judge in ("none", "extractive"):
        return "none" if judge == "none" else "extractive"
    if not is_language_model(judge) or not judge.partition(":")[2]:
        raise InvalidInput(f"--judge {judge!r}: choose none, extractive, or a language model such as openai:MODEL")
    return "llm"


def default_metrics(questions: QuestionSet, judge: str) -> tuple[str, ...]:
    """Return the metrics that fit what is known of the questions and who judges.

    Parameters
    ----------
    questions
        Reference answers bring EM and F1; spans bring span metrics; unanswerable questions bring AUROC; nuggets, beside
        a model, their share in the answer.
    judge
        ``none``: retrieval alone; ``extractive``: answers as well, judged without a model; ``llm``: by a model, too.

    Raises
    ------
    InvalidInput
        There is no such judge.
    """
    if judge not in JUDGES:
        raise InvalidInput(f"--judge {judge!r} does not exist; choose one of {', '.join(JUDGES)}")
    names = list(DEFAULT_METRICS)
    if any(q.spans or q.quotes for q in questions):
        names += ["span_precision", "span_recall", "span_iou"]
    if judge == "none":
        return tuple(names)
    names += _SUPPORTED
    answered = any(q.answers for q in questions)
    if answered:
        names += _WITH_REFERENCES
    if len({q.unanswerable for q in questions}) == 2:
        names.append("abstention_auroc")
    if judge == "llm":
        names += ["nuggets_vital_strict", "nuggets_all"] if any(q.nuggets for q in questions) else []
        names += [*_JUDGED, *(["correctness_judged", "context_recall_judged"] if answered else [])]
    return tuple(names)


def answers_needed(metrics: Sequence[str]) -> bool:
    """Tell whether a metric reads answers, so that the bot must be asked."""
    return "answer" in needs(metrics)
