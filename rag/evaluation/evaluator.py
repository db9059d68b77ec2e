"""Evaluate a retriever or a bot on a set of questions: ask, score row by row, aggregate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..retrieval.config import PipelineConfig
from .aggregate import Score
from .collecting import Answers, Progress, System, ask_all, knowledge_base_of
from .filter_check import refuse_useless_filter
from .metrics import ranking, registry
from .metrics.cases import Case, Outcome, Resources, without_gold
from .metrics.context import NO_GOLD
from .metrics.own import RowFunction, RowMetric, own_name
from .questions import gold
from .questions.locating import located
from .questions.questions import Level, QuestionSet
from .results import Evaluation, corpus_digest
from .trec import Qrels, Run

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder
    from ..knowledge_base import KnowledgeBase
    from .judge import Judge

ALWAYS = ("context_precision", "context_recall")
DEFAULT_METRICS = (*ALWAYS, "nDCG@10", "RR", "R@10")
PASSAGES_PER_DOCUMENT = 10
"""Chunks asked for per document wanted: several chunks of one document share one place of its ranking."""


def evaluate(
    system: System,
    questions: QuestionSet,
    *,
    metrics: Sequence[str | RowFunction | RowMetric] = DEFAULT_METRICS,
    k: int = 5,
    level: Level | None = None,
    judge: Judge | None = None,
    embedder: Embedder | None = None,
    name: str = "run",
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Ask every question and score the outcomes.

    Parameters
    ----------
    system
        A `rag.Retriever`, a `rag.Bot`, or any object with ``retrieve(question, k)`` or ``ask(question, k=...)``.
    questions
        With their gold, see `rag.evaluation.read_questions`.
    metrics
        Names of ranking metrics (``nDCG@10``) and of `rag.evaluation.metrics.registry.METRICS`; context precision and
        recall always join. Or metrics of one's own, see `rag.evaluation.metrics.own`.
    k
        Passages (or documents, where those are judged) that count as the context.
    level
        The unit of relevance; the finest that the questions have gold of if None.
    judge
        A language model as judge, for the metrics that need one.
    embedder
        Compares meanings; the knowledge base's own if None.
    name
        Name of the result, in tables and comparisons.
    seed
        Seed of the bootstrap.
    progress
        Called with the number of questions done and in all.

    Returns
    -------
    Evaluation
        Per question and over all; a row that failed is named and counts as zero.

    Raises
    ------
    InvalidInput
        An unknown metric, ``k`` below 1, no question, a metric without what it needs, or a filter that fits nothing.
    """
    wanted = checked(metrics)
    kb = knowledge_base_of(system)
    if kb is not None:
        questions = located(questions, kb)
    chosen = level or questions.level
    own_embedder = embedder or (kb.embedder if kb is not None else None)
    _refuse_lacking(wanted, {"answer": isinstance(system, Answers), "judge": judge, "embedder": own_embedder})
    ranking.check_grades([name for name in wanted if not registry.find(name)], _highest(questions))
    config = getattr(system, "config", None)
    if kb is not None and isinstance(config, PipelineConfig):
        refuse_useless_filter(kb, config.where)
    outcomes = ask_all(
        system,
        questions.questions,
        depth=depth(wanted, k, chosen),
        k=k,
        repeats=chosen == "document",
        progress=progress,
    )
    result = score(
        questions,
        outcomes,
        metrics=wanted,
        k=k,
        level=chosen,
        judge=judge,
        embedder=own_embedder,
        kb=kb,
        name=name,
        seed=seed,
    )
    if not isinstance(config, PipelineConfig):
        return result
    return replace(result, pipeline=config.form())


def score(
    questions: QuestionSet,
    outcomes: Sequence[Outcome],
    *,
    metrics: Sequence[str | RowFunction | RowMetric] = DEFAULT_METRICS,
    k: int = 5,
    level: Level | None = None,
    judge: Judge | None = None,
    embedder: Embedder | None = None,
    kb: KnowledgeBase | None = None,
    name: str = "run",
    seed: int = 0,
) -> Evaluation:
    """Score given outcomes: the second half of `evaluate`.

    A question without an outcome counts as failed; an outcome of an unknown question is refused.

    Parameters
    ----------
    kb
        Finds the chunks that hold gold spans; without one only retrieved chunks are looked at.
    """
    wanted = checked(metrics)
    if k < 1:
        raise InvalidInput(f"k must be a whole number, 1 or more, not {k}")
    if not questions.questions:
        raise InvalidInput("there are no questions to evaluate on")
    chosen = level or questions.level
    by_question = {outcome.question: outcome for outcome in outcomes}
    unknown = sorted(set(by_question) - {q.id for q in questions})
    if unknown:
        raise InvalidInput(f"there is an outcome of question {unknown[0]!r}, which the set does not hold")
    resources = Resources(chosen, embedder, judge, kb)
    cases = _cases(questions, by_question, resources, (k, judged_items(wanted, k)))
    scores = score_cases(cases, wanted, resources)
    totals = {metric: registry.total(metric, own, seed=seed) for metric, own in scores.items()}
    return Evaluation(
        name=name,
        questions=questions,
        outcomes={case.question.id: case.outcome for case in cases},
        cases={case.question.id: case for case in cases},
        scores={m: dict(zip((c.question.id for c in cases), own, strict=True)) for m, own in scores.items()},
        metrics=totals,
        k=k,
        level=chosen,
        seed=seed,
        corpus=corpus_digest(kb) if kb is not None else "",
    )


def checked(metrics: Sequence[str | RowFunction | RowMetric]) -> tuple[str, ...]:
    """Return the names of the metrics with those that always join, each once, all known.

    Raises
    ------
    InvalidInput
        A name that does not exist, or two metrics of one name.
    """
    given = [*ALWAYS, *(each if isinstance(each, str) else own_name(each) for each in metrics)]
    names = tuple(dict.fromkeys(given))
    for name in names:
        registry.check_metric(name)
    for name in given:
        first = names[names.index(name)]
        if name is not first and registry.find(name) != registry.find(first):
            raise InvalidInput(f"two metrics are called {name!r}: give each a name of its own")
    return names


def depth(metrics: Sequence[str], k: int, level: Level) -> int:
    """Return how many passages must be retrieved for the metrics."""
    items = judged_items(metrics, k)
    return items * PASSAGES_PER_DOCUMENT if level == "document" else items


def _highest(questions: QuestionSet) -> int:
    grades = (g for q in questions for g in (*q.documents.values(), *q.chunks.values(), *(s.grade for s in q.spans)))
    return max(grades, default=1)


_MEND = {
    "answer": "an answer; give a Bot, a retriever only retrieves",
    "judge": "a judge; give judge=Judge(model)",
    "embedder": "an embedder; give embedder=...",
}


def _refuse_lacking(metrics: Sequence[str], there: Mapping[str, object]) -> None:
    """Refuse metrics that lack something now, not after a thousand questions."""
    for name in metrics:
        for need in sorted(registry.needs([name])):
            if need in there and not there[need]:
                raise InvalidInput(f"the metric {name} needs {_MEND[need]}")


def judged_items(metrics: Sequence[str], k: int) -> int:
    """Return how many documents or chunks of each ranking are judged: ``k``, or the deepest cutoff of a metric."""
    return max([k, *(ranking.depth(name) or 0 for name in metrics if not registry.find(name))])


def score_cases(cases: Sequence[Case], metrics: Sequence[str], resources: Resources) -> dict[str, list[Score]]:
    """Return each metric's score of each case."""
    own = {name: metric for name in metrics if (metric := registry.find(name))}
    ranked = _ranking_scores(cases, [name for name in metrics if name not in own])
    return {name: own[name](cases, resources) if name in own else ranked[name] for name in metrics}


def _cases(
    questions: QuestionSet, outcomes: Mapping[str, Outcome], resources: Resources, depths: tuple[int, int]
) -> list[Case]:
    (k, judged), level = depths, resources.level
    grades = gold.judgments(questions, level, resources.kb, {name: own.passages for name, own in outcomes.items()})
    missing = "the system returned nothing for this question"
    cases = []
    for question in questions:
        outcome = outcomes.get(question.id) or Outcome(question.id, error=missing)
        ranked = gold.items(outcome.passages, level)[:judged]
        cases.append(Case(question, outcome, ranked, grades.get(question.id, {}), k))
    return cases


def _ranking_scores(cases: Sequence[Case], metrics: Sequence[str]) -> dict[str, list[Score]]:
    if not metrics:
        return {}
    judged = [case for case in cases if case.gold]
    qrels = {case.question.id: dict(case.gold) for case in judged}
    run = {
        case.question.id: {item: float(-rank) for rank, item in enumerate(case.ranked)}
        for case in judged
        if not case.outcome.error
    }
    values, wrong = _values(metrics, qrels, run)
    return {
        name: [
            without_gold(case, case.gold, NO_GOLD)
            or (Score(None, wrong[name]) if name in wrong else Score(values[name][case.question.id]))
            for case in cases
        ]
        for name in metrics
    }


def _values(metrics: Sequence[str], qrels: Qrels, run: Run) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return the values by metric and question, and why a metric has none: one that breaks costs no other one."""
    try:
        return ranking.per_question(metrics, qrels, run), {}
    except Exception:  # noqa: BLE001 - a package's code: which metric broke is found below
        values: dict[str, dict[str, float]] = {}
        wrong: dict[str, str] = {}
    for name in metrics:
        try:
            values |= ranking.per_question([name], qrels, run)
        except Exception as error:  # noqa: BLE001 - as above
            wrong[name] = f"{name} cannot be computed on such rankings: {type(error).__name__}: {error}"
    return values, wrong
