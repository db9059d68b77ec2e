"""Metrics by name: one literal table; each metric is imported on first use."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

from ...components import load_plugin, plugins
from ...errors import InvalidInput
from ..aggregate import Aggregate, Failing, Pool, Score, aggregate
from .cases import Cases, Resources
from .ranking import is_sum, measure

Function = Callable[[Cases, Resources], list[Score]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric other than a ranking metric; calling it scores all cases.

    Attributes
    ----------
    home
        ``module:function``, or the function itself; takes all cases and resources, and gives one `Score` for each case.
    line
        Description, in a line.
    needs
        ``answer``, ``references``, ``embedder`` or ``judge``: required of each row, or of the call.
    lower
        True if lower is better.
    pooled
        True for metrics that pool rows: ``pooled_`` and the function's name makes one value of all ``Score.parts``.
    top
        The greatest possible value, for charts and intervals; minus infinity where none is known.
    without
        Why a metric that pools rows has no value where rows have one.
    digest
        Of the code and parameters of one's own metric, where it is known.
    """

    home: str | Function
    line: str
    needs: frozenset[str] = frozenset()
    lower: bool = False
    pooled: bool = False
    top: float = 1.0
    without: str = ""
    digest: str = ""

    @property
    def failing(self) -> Failing:
        """The value that a failed row counts as."""
        return "undefined" if self.lower else "zero"

    def __call__(self, cases: Cases, resources: Resources) -> list[Score]:
        """Import the function and call it."""
        function = _load(self.home) if isinstance(self.home, str) else self.home
        return cast("Function", function)(cases, resources)

    def pooling(self) -> Pool | None:
        """Import the pooling function, if there is one."""
        pooled = self.pooled and isinstance(self.home, str)
        return cast("Pool", _load(str(self.home).replace(":", ":pooled_"))) if pooled else None


class OwnName(str):
    """The name of a metric of one's own, with the metric: it goes where names go, and nothing is global."""

    __slots__ = ("metric",)
    metric: Metric

    def __new__(cls, name: str, metric: Metric) -> Self:
        """Make the name of a metric."""
        own = super().__new__(cls, name)
        own.metric = metric
        return own

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnName, (str(self), self.metric)


def _load(home: str) -> object:
    module, name = home.split(":")
    return getattr(importlib.import_module(module, __package__), name)


_ANSWER = frozenset({"answer"})
_REFERENCES = frozenset({"references"})
_TEXT = _ANSWER | _REFERENCES
_EMBEDDER = frozenset({"embedder"})
_JUDGE = frozenset({"judge"})

_SHORT = "no answer has the four words in a row that BLEU counts; chrf and the ROUGEs take short answers"

METRICS: dict[str, Metric] = {
    "context_precision": Metric(".context:context_precision", "share of the retrieved items that are relevant"),
    "context_recall": Metric(".context:context_recall", "share of the relevant items that were retrieved"),
    "context_precision_weighted": Metric(
        ".context:context_precision_weighted", "mean precision at the ranks of relevant items (RAGAS's)"
    ),
    "context_ndcg": Metric(
        ".context:context_ndcg",
        "nDCG of the context alone, over the best order of all that is relevant",
    ),
    "span_precision": Metric(".spans:span_precision", "share of the retrieved characters that lie in gold spans"),
    "span_recall": Metric(".spans:span_recall", "share of the gold spans' characters that were retrieved"),
    "span_iou": Metric(".spans:span_iou", "characters in both over characters in either"),
    "context_precision_judged": Metric(
        ".judged:context_precision", "share of the passages that a judge finds useful", _JUDGE
    ),
    "context_recall_judged": Metric(
        ".judged:context_recall",
        "share of the reference answer's sentences that a judge finds in the passages",
        _JUDGE | _REFERENCES,
    ),
    "context_relevance_umbrela": Metric(
        ".umbrela:context_relevance", "mean grade of the passages by UMBRELA's prompt, of 3", _JUDGE
    ),
    "context_sufficiency_judged": Metric(
        ".judged:context_sufficiency", "1 if a judge finds all in the passages that an answer needs", _JUDGE
    ),
    "exact_match": Metric(".squad:exact_match", "SQuAD's exact match with any reference", _TEXT),
    "f1": Metric(".squad:f1", "SQuAD's F1 of words, with the best reference", _TEXT),
    "answer_containment": Metric(".squad:answer_containment", "1 if the answer holds a reference's words", _TEXT),
    "bleu": Metric(
        ".sacrebleu_scores:bleu", "BLEU of the corpus, 0 to 100", _TEXT, pooled=True, top=100, without=_SHORT
    ),
    "chrf": Metric(".sacrebleu_scores:chrf", "chrF of the corpus, 0 to 100", _TEXT, pooled=True, top=100),
    "ter": Metric(
        ".sacrebleu_scores:ter",
        "translation edit rate in percent, lower is better",
        _TEXT,
        lower=True,
        pooled=True,
        top=100,
    ),
    "rouge1": Metric(".rouge:rouge1", "ROUGE-1, F of single words", _TEXT),
    "rouge2": Metric(".rouge:rouge2", "ROUGE-2, F of pairs of words", _TEXT),
    "rougeL": Metric(".rouge:rouge_l", "ROUGE-L, F of the longest common subsequence", _TEXT),
    "meteor": Metric(".meteor:meteor", "METEOR with WordNet's synonyms", _TEXT),
    "meteor_exact_stem": Metric(".meteor:meteor_exact_stem", "METEOR by exact and stem matches, no WordNet", _TEXT),
    "cider": Metric(".cider:cider", "CIDEr-D, 0 to 10", _TEXT, top=10),
    "ngram_overlap": Metric(".ngrams:ngram_overlap", "mean F1 of word n-grams, n = 1 to 4", _TEXT),
    "embedding_similarity": Metric(
        ".similarity:embedding_similarity", "cosine of answer and nearest reference", _TEXT | _EMBEDDER
    ),
    "faithfulness": Metric(
        ".faithfulness:faithfulness", "share of the answer's sentences that the passages support", _ANSWER
    ),
    "answer_relevance": Metric(
        ".similarity:answer_relevance", "cosine of the question and the answer's nearest sentence", _ANSWER | _EMBEDDER
    ),
    "citation_precision": Metric(
        ".citations:citation_precision", "share of citations that support their sentence", _ANSWER
    ),
    "citation_recall": Metric(".citations:citation_recall", "share of sentences that their citations support", _ANSWER),
    "faithfulness_judged": Metric(
        ".judged:faithfulness", "share of the answer's sentences that a judge finds in the passages", _ANSWER | _JUDGE
    ),
    "answer_relevance_judged": Metric(".judged:answer_relevance", "a judge's mark by rubric, 0 to 1", _ANSWER | _JUDGE),
    "correctness_judged": Metric(".judged:correctness", "a judge's mark against the reference, 0 to 1", _TEXT | _JUDGE),
    "nuggets_vital_strict": Metric(
        ".nuggets:vital_strict", "share of the vital nuggets that the answer holds wholly (TREC RAG)", _ANSWER | _JUDGE
    ),
    "nuggets_vital": Metric(
        ".nuggets:vital", "share of the vital nuggets in the answer, a part of one half", _ANSWER | _JUDGE
    ),
    "nuggets_all_strict": Metric(
        ".nuggets:every_strict", "share of all nuggets that the answer holds wholly", _ANSWER | _JUDGE
    ),
    "nuggets_all": Metric(".nuggets:every", "share of all nuggets in the answer, a part of one half", _ANSWER | _JUDGE),
    "nuggets_weighted_strict": Metric(
        ".nuggets:weighted_strict",
        "share of the nuggets that the answer holds wholly, half for those not vital",
        _ANSWER | _JUDGE,
    ),
    "abstention_accuracy": Metric(
        ".abstention:abstention_accuracy", "share of questions answered or refused as they should be", _ANSWER
    ),
    "abstention_auroc": Metric(
        ".abstention:abstention_auroc",
        "chance that an answerable question has more support than an unanswerable one",
        _ANSWER,
        pooled=True,
    ),
}


def find(name: str) -> Metric | None:
    """Return the row of a metric, of the table or of another package; None for all other names, as ranking metrics'.

    Raises
    ------
    ExtraMissing
        The metric of another package cannot be imported.
    """
    if isinstance(name, OwnName):
        return name.metric
    if name in METRICS or name not in plugins("metric"):
        return METRICS.get(name)
    found = load_plugin("metric", name)
    if isinstance(found, Metric):
        return found
    return Metric(plugins("metric")[name].value, (inspect.getdoc(found) or "").partition("\n")[0])


def check_metric(name: str) -> None:
    """Refuse a name that is neither a metric's nor a ranking metric's.

    Raises
    ------
    InvalidInput
        With the nearest name.
    ExtraMissing
        The metric of another package cannot be imported.
    """
    if find(name) is not None:
        return
    try:
        measure(name)
    except InvalidInput:
        near = difflib.get_close_matches(name.lower(), [*METRICS, *plugins("metric")], 1, 0.6)
        if near:
            raise InvalidInput(f"there is no metric {name!r}; did you mean {near[0]}?") from None
        raise


def needs(names: Sequence[str]) -> frozenset[str]:
    """Return the union of the needs of some metrics."""
    return frozenset(need for name in names if (metric := find(name)) for need in metric.needs)


def own_digests(names: Iterable[str]) -> dict[str, str]:
    """Return the digests of the metrics of one's own that have one, by name."""
    return {str(name): name.metric.digest for name in names if isinstance(name, OwnName) and name.metric.digest}


def lower_is_better(name: str) -> bool:
    """Tell whether less is better; False for ranking metrics."""
    metric = find(name)
    return metric is not None and metric.lower


def total(metric: str, scores: Sequence[Score], *, seed: int = 0) -> Aggregate:
    """Aggregate a metric's scores as this metric is aggregated."""
    entry = find(metric)
    if entry is None:
        if not is_sum(metric):
            return aggregate(scores, seed=seed)
        counts = [replace(own, parts=(own.value or 0.0,)) for own in scores]
        found = aggregate(counts, pool=lambda rows: float(rows.sum()), seed=seed)
        return replace(found, low=None, high=None)  # a count of these very questions estimates nothing
    found = aggregate(scores, failing=entry.failing, pool=entry.pooling(), top=entry.top, seed=seed)
    if found.value is None and entry.without and found.n > found.n_failed:
        return replace(found, reason="; ".join(filter(None, (entry.without, found.reason))))
    return found
