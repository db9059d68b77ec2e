"""The cost of an approximate index in answers: the bot with each index against the bot with exact search.

Both bots are built from the pipeline value that `rag ask` uses; only the index of vectors differs.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import indexes
from indexes import Ids, Metric, Vectors
from indexes.dense_index import DenseIndex
from rag.bot import Bot
from rag.evaluation.comparison import Comparison, compare, corrected
from rag.evaluation.questions.questions import Question, QuestionSet
from rag.evaluation.results import Evaluation
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever
from rag.store.sentence_search import TwoGranularities

from ..datasets.knowledge_base import made_questions
from .findings import real
from .pareto import speed_front
from .results import Row, good

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

FILE = "answers.json"
MAX_QUESTIONS = 200
MAX_INDEXES = 8
METRICS = ("context_precision", "context_recall", "nDCG@10")
ACCURACY = "answer_containment"
"""Answer accuracy: the answer holds the words of a reference answer."""

_LEAST = 20
"""Questions asked however short the time is."""

EXACT = "flat"
HOW = "the bot asks an index for many candidates and searches by words too, so the best are seldom lost"
"""Why differences are smaller than the recall of ten suggests."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class AnswerCosts:
    """Figures of answers by index.

    Attributes
    ----------
    questions
        What was asked, in words.
    n
        How many questions.
    exact
        Metric -> value with exact search.
    by_index
        Spec -> metric -> ``value``, and against exact search ``difference``, ``low``, ``high``, ``p`` (permutation
        test, Holm's correction over all indexes and metrics), ``wins``, ``ties``, ``losses``.
    left
        Specs that time did not suffice for.
    pipeline
        Digest and fields of the pipeline value.
    """

    questions: str
    n: int
    exact: dict[str, float | None]
    by_index: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    pipeline: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write them beside the results."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, allow_nan=False), encoding="utf-8")


def load(folder: Path) -> AnswerCosts | None:
    """Return what was saved in a folder of results, if anything."""
    path = folder / FILE
    if folder.is_file() or not path.is_file():
        return None
    return AnswerCosts(**json.loads(path.read_text(encoding="utf-8")))


def plain(value: float | None) -> str:
    """Write a metric of exact search."""
    return "-" if value is None else f"{value:.3f}"


def difference(figures: Mapping[str, Any] | None) -> str:
    """Write a metric of one index: its value, the difference to exact search, and p."""
    if figures is None or figures["value"] is None:
        return "-"
    p = "" if figures["p"] is None else f", p {figures['p']:.2g}"
    return f"{figures['value']:.3f} ({figures['difference']:+.3f}{p})"


def configurations(rows: Sequence[Row]) -> list[str]:
    """Return the specs worth asking: those on the front of recall and speed, exact search left out; at most eight."""
    front = [row["spec"] for row in speed_front(real(good(rows))) if row["engine"] != EXACT]
    keep = np.unique(np.linspace(0, len(front) - 1, min(len(front), MAX_INDEXES)).round().astype(int))
    return [front[i] for i in keep.tolist()]


def questions_for(kb: KnowledgeBase, file: Path | None, *, n: int = MAX_QUESTIONS, seed: int = 0) -> QuestionSet:
    """Return at most ``n`` questions with gold: of a file, or a sentence of a chunk each, whose chunk is its gold.

    A sentence as a question is easier than a person's; but what an index loses against exact search shows all the same.
    """
    if file is not None:
        from rag.evaluation.questions.question_files import read_questions

        found = read_questions(file)
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(len(found), min(n, len(found)), replace=False)).tolist()
        return QuestionSet(tuple(found.questions[i] for i in chosen), f"{len(chosen)} questions of {file.name}")
    made = made_questions(kb, n, seed)
    rows = tuple(Question(str(chunk), text, chunks={chunk: 1}, answers=(text,)) for chunk, text in made.items())
    return QuestionSet(rows, f"{len(rows)} sentences of chunks as questions")


def answer_costs(
    kb: KnowledgeBase,
    questions: QuestionSet,
    specs: Sequence[str],
    *,
    config: PipelineConfig,
    seed: int = 0,
    seconds: float = math.inf,
    on_progress: Progress | None = None,
) -> AnswerCosts:
    """Let the bot answer with exact search and with each index, and compare question by question.

    Parameters
    ----------
    kb
        An open knowledge base.
    questions
        With gold of any kind; answer accuracy needs reference answers.
    specs
        Indexes of vectors, built here from the stored embeddings.
    config
        The pipeline value of the bot.
    seed
        Of building and of the tests.
    seconds
        No further index is begun after so long; exact search and the first one are asked in any case, since one
        without the other says nothing. Where not even these two can be asked everything, fewer questions are asked.
    on_progress
        Told (bots done, bots in all, what is next).

    Raises
    ------
    InvalidInput
        No question has gold.
    """
    from rag.evaluation.evaluator import evaluate

    ids = kb.chunk_ids()
    vectors = kb.vectors(ids.tolist())
    metric = kb.index("dense").metric
    metrics = (*METRICS, *([ACCURACY] if any(question.answers for question in questions) else []))
    found: dict[str, Evaluation] = {}
    end = time.monotonic() + seconds
    if len(questions) > _LEAST and seconds < math.inf:
        index = _built(kb, EXACT, ids, vectors, metric, seed)
        start, first = time.monotonic(), _some(questions, _LEAST)
        evaluate(_bot(kb, index, config), first, metrics=metrics, k=config.k, seed=seed)
        each = (time.monotonic() - start) / _LEAST
        questions = _some(questions, max(_LEAST, int(max(0.0, end - time.monotonic()) / (2 * each))))
    for number, spec in enumerate([EXACT, *specs]):
        if number > 1 and time.monotonic() > end:
            break
        if on_progress is not None:
            on_progress(number, len(specs) + 1, spec)
        index = _built(kb, spec, ids, vectors, metric, seed)
        found[spec] = evaluate(_bot(kb, index, config), questions, metrics=metrics, k=config.k, seed=seed)
    exact = found.pop(EXACT)
    pairs = [
        compare(own.values(name), exact.values(name), metric=name, names=(spec, EXACT), seed=seed)
        for spec, own in found.items()
        for name in metrics
        if exact.values(name)
    ]
    costs = AnswerCosts(
        questions.name,
        len(questions),
        {name: exact.metrics[name].value for name in metrics},
        left=[spec for spec in specs if spec not in found],
        pipeline=config.form(),
    )
    for pair in corrected(pairs):
        costs.by_index.setdefault(pair.system, {})[pair.metric] = _as_dict(pair, found[pair.system])
    return costs


def _built(  # noqa: PLR0917 - all that makes an index
    kb: KnowledgeBase, spec: str, ids: Ids, vectors: Vectors, metric: Metric, seed: int
) -> DenseIndex:
    index = indexes.dense(spec, kb.dim, metric=metric, seed=seed)
    index.build(vectors, ids)
    index.optimize()
    return index


def _some(questions: QuestionSet, n: int) -> QuestionSet:
    """Return ``n`` of the questions, evenly spread; all where there are no more."""
    if n >= len(questions):
        return questions
    chosen = np.linspace(0, len(questions) - 1, n).round().astype(int).tolist()
    return QuestionSet(tuple(questions.questions[i] for i in chosen), f"{n} of {questions.name}")


def _as_dict(pair: Comparison, own: Evaluation) -> dict[str, Any]:
    return {
        "value": own.metrics[pair.metric].value, "difference": pair.difference, "low": pair.low, "high": pair.high,
        "p": pair.p_corrected, "wins": pair.wins, "ties": pair.ties, "losses": pair.losses,
    }  # fmt: skip


def _bot(kb: KnowledgeBase, index: DenseIndex, config: PipelineConfig) -> Bot:
    """Return the bot of the pipeline value, searching by another index; sentences keep their own."""
    both = kb.dense()
    dense = TwoGranularities(index, both.sentences, share=both.share) if isinstance(both, TwoGranularities) else index
    return Bot(Retriever(kb, config, dense=dense))
