"""Tune the fusion and its weight on a user's own questions, measured on questions left aside."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput
from rag.evaluation import evaluate
from rag.evaluation.comparison import Comparison, compare
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever

if TYPE_CHECKING:
    from rag.evaluation import QuestionSet
    from rag.knowledge_base import KnowledgeBase

WEIGHED = ("zscore", "minmax", "dbsf", "adaptive")
WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
FOLDS = 5
METRIC = "nDCG@10"

Progress = Callable[[int, int], None]
Values = Mapping[str, float]
"""Question id -> metric."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to search: a fusion with its weight, or ``dense`` or ``terms`` alone."""

    fusion: str
    dense_weight: float | None = None

    def of(self, config: PipelineConfig) -> PipelineConfig:
        """Return the pipeline value with this setting."""
        weight = {} if self.dense_weight is None else {"dense_weight": self.dense_weight}
        return config.with_(fusion=self.fusion, **weight)

    def __str__(self) -> str:
        """Return it as options of the command line."""
        weight = "" if self.dense_weight is None else f" --dense-weight {self.dense_weight:g}"
        return f"--fusion {self.fusion}{weight}"


def setting_of(config: PipelineConfig) -> Setting:
    """Return the setting of a pipeline value."""
    return Setting(config.fusion, config.dense_weight if config.fusion in WEIGHED else None)


def settings(default: Setting) -> list[Setting]:
    """Return all that are tried, the pipeline's own first: it wins ties."""
    weighed = [Setting(name, weight) for name in WEIGHED for weight in WEIGHTS]
    return list(dict.fromkeys([default, *weighed, *map(Setting, ("rrf", "dense", "terms"))]))


@dataclass(frozen=True)
class RetrieverReport:
    """The result of tuning.

    Attributes
    ----------
    pipeline
        The pipeline value whose fusion was varied.
    chosen
        The best setting on all questions.
    tried
        Every setting with its mean on all questions, best first: what chose it, so a rosy figure of it.
    held_out
        Each question judged under the setting that the other folds chose: mean, beside the default's on the same
        questions, with interval and p-value. The honest figure of what tuning brings.
    folds
        The setting that was chosen without each fold, and its mean there.
    metric, n
        What was measured, on how many questions.
    """

    pipeline: PipelineConfig
    chosen: Setting
    tried: tuple[tuple[Setting, float], ...]
    tuned: float
    default: float
    held_out: Comparison
    folds: tuple[tuple[Setting, float], ...]
    metric: str
    n: int

    @property
    def pays(self) -> bool:
        """Whether the choice beats the default on questions it was not chosen on, beyond chance (95 % interval)."""
        return self.chosen != setting_of(self.pipeline) and self.held_out.low is not None and self.held_out.low > 0

    @property
    def advised(self) -> Setting:
        """The setting to search with: the choice where it pays, else the pipeline's own."""
        return self.chosen if self.pays else setting_of(self.pipeline)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "metric": self.metric,
            "questions": self.n,
            "advised": asdict(self.advised),
            "options": str(self.advised),
            "pipeline": {"digest": self.pipeline.digest},
            "pays": self.pays,
            "best_on_all": asdict(self.chosen),
            "held_out": {"tuned": self.tuned, "default": self.default, "comparison": asdict(self.held_out)},
            "folds": [{**asdict(setting), "value": value} for setting, value in self.folds],
            "tried": [{**asdict(setting), "value": value} for setting, value in self.tried],
        }


def tune_retriever(
    kb: KnowledgeBase,
    questions: QuestionSet,
    *,
    config: PipelineConfig | None = None,
    metric: str = METRIC,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress | None = None,
) -> RetrieverReport:
    """Try every setting on judged questions, with k-fold cross-validation.

    Parameters
    ----------
    kb
        With an index of vectors and one of terms.
    questions
        With their gold.
    config
        The pipeline value whose fusion is varied; None takes the one stored with the knowledge base.
    metric
        A ranking metric, higher is better.
    folds
        Parts of the questions; questions of one gold document stay in one part, so that none is learned by heart.
    seed
        Of the parts and the interval.
    progress
        Told how many settings are done, of how many.

    Raises
    ------
    InvalidInput
        Fewer than two folds, fewer groups of questions than folds, or a knowledge base with one search only.
    """
    parts = fold(questions, folds, seed)
    _refuse_one_search(kb)
    base = PipelineConfig.of(kb) if config is None else config
    every = settings(setting_of(base))
    values: dict[Setting, Values] = {}
    for number, setting in enumerate(every, 1):
        with Retriever(kb, setting.of(base)) as system:
            values[setting] = evaluate(system, questions, metrics=[metric], k=10, seed=seed).values(metric)
        if progress is not None:
            progress(number, len(every))
    return judged(values, parts, pipeline=base, metric=metric, seed=seed)


def judged(
    values: Mapping[Setting, Values],
    parts: Sequence[Sequence[str]],
    *,
    pipeline: PipelineConfig,
    metric: str,
    seed: int,
) -> RetrieverReport:
    """Choose on all folds but one, judge on that one, for each fold; then choose on all of them."""
    held: dict[str, float] = {}
    by_fold = []
    for part in parts:
        others = [q for other in parts if other is not part for q in other]
        best = _best(values, others)
        held |= {q: values[best][q] for q in part}
        by_fold.append((best, _mean(values[best], part)))
    asked = list(held)
    own = setting_of(pipeline)
    default = {q: values[own][q] for q in asked}
    ranked = sorted(((s, _mean(each, asked)) for s, each in values.items()), key=lambda each: -each[1])
    return RetrieverReport(
        pipeline,
        _best(values, asked),
        tuple(ranked),
        _mean(held, asked),
        _mean(default, asked),
        compare(held, default, metric=metric, names=("tuned", "default"), seed=seed),
        tuple(by_fold),
        metric,
        len(asked),
    )


def fold(questions: QuestionSet, count: int, seed: int) -> list[list[str]]:
    """Deal the questions' ids into parts of about one size; questions of one gold document go together."""
    if count < 2:
        raise InvalidInput(f"folds={count}: give 2 or more")
    groups: dict[str, list[str]] = {}
    for question in questions:
        gold = sorted(question.documents) or sorted(span.document for span in question.spans)
        groups.setdefault(gold[0] if gold else question.id, []).append(question.id)
    if len(groups) < count:
        raise InvalidInput(
            f"{len(questions)} questions about {len(groups)} documents are too few for {count} folds; "
            "judge more questions, or ask for fewer folds"
        )
    names = sorted(groups)
    random.Random(seed).shuffle(names)  # noqa: S311 - a draw, no secret
    parts: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(names, key=lambda name: -len(groups[name])):
        min(parts, key=len).extend(groups[name])
    return parts


def _best(values: Mapping[Setting, Values], questions: Sequence[str]) -> Setting:
    return max(values, key=lambda setting: round(_mean(values[setting], questions), 9))  # the first one wins ties


def _mean(values: Values, questions: Sequence[str]) -> float:
    return sum(values[q] for q in questions) / len(questions)


def _refuse_one_search(kb: KnowledgeBase) -> None:
    import indexes

    missing = {"dense", "terms"} - {indexes.kind(spec) for spec in kb.indexes}
    if missing:
        raise InvalidInput(
            f"{kb.location} has no index of {'vectors' if 'dense' in missing else 'terms'}, so there is nothing to "
            "weigh; give it one with `rag reindex`"
        )
