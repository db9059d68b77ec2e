"""Default metrics of `rag evaluate`, and the comparison with an earlier result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from rag.errors import InvalidInput
from rag.evaluation import Evaluation, QuestionSet, Saved
from rag.evaluation.comparison import Comparison, compare, corrected
from rag.evaluation.evaluator import DEFAULT_METRICS
from rag.evaluation.metrics.ranking import per_question
from rag.evaluation.metrics.registry import find, lower_is_better, needs
from rag.evaluation.trec import read_run
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
        Reference answers bring EM and F1; spans bring span metrics; unanswerable questions bring AUROC.
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
        names += [*_JUDGED, *(["correctness_judged", "context_recall_judged"] if answered else [])]
    return tuple(names)


def answers_needed(metrics: Sequence[str]) -> bool:
    """Tell whether a metric reads answers, so that the bot must be asked."""
    return "answer" in needs(metrics)


def against(result: Evaluation, baseline: Path) -> list[Comparison]:
    """Compare a result with a saved one, or with a TREC run, on every metric that both have; corrected together.

    Raises
    ------
    InvalidInput
        The file is neither, or has nothing in common with the result.
    """
    values = _baseline_values(result, baseline)
    names = (result.name, baseline.stem)
    found = []
    for metric, own in values.items():
        mine = result.values(metric)
        if own and set(own) & set(mine):
            lower = lower_is_better(metric)
            found.append(compare(mine, own, metric=metric, names=names, lower=lower, seed=result.seed))
    if not found:
        raise InvalidInput(
            f"{baseline} and this evaluation share no metric on any question; evaluate with the same ones"
        )
    return corrected(found)


Changes = dict[str, tuple[Any, Any]]
"""Field of the pipeline -> (its value now, the baseline's)."""


def pipeline_changes(result: Evaluation, baseline: Path) -> Changes | None:
    """Return the fields in which the pipeline differs from a saved baseline's; None where that one is not known."""
    if not _is_saved(baseline):
        return None
    there, here = Saved.load(baseline).pipeline, result.pipeline
    if not there or not here:
        return None
    names = [name for name in {**here, **there} if name != "digest"]
    return {name: (here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name)}


def _is_saved(baseline: Path) -> bool:
    """Whether a file holds a saved evaluation; a TREC run else."""
    try:
        with baseline.open("rb") as file:
            return file.read(1) == b"{"
    except OSError as error:
        raise InvalidInput(f"cannot read the baseline {baseline}: {error.strerror or error}") from error


def _baseline_values(result: Evaluation, baseline: Path) -> dict[str, dict[str, float]]:
    if _is_saved(baseline):
        saved = Saved.load(baseline)
        return {metric: saved.values(metric) for metric in result.metrics if metric in saved.scores}
    rankings = [metric for metric in result.metrics if not find(metric)]
    qrels = {q: dict(case.gold) for q, case in result.cases.items() if case.gold}
    return per_question(rankings, qrels, read_run(baseline))
