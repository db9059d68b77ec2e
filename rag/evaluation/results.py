"""The result of an evaluation: figures, rows, slices and worst questions; saved as JSON and read back."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Field
from ..errors import InvalidInput
from ..whole_file import whole_file
from .aggregate import Aggregate, Score
from .metrics.cases import Case, Outcome
from .metrics.registry import own_digests, total
from .questions.questions import Level, Question, QuestionSet

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

FORMAT = 1
DEFINITIONS = 2
"""Raised when the definition of a metric changes, so that figures of both definitions are never compared in silence.

2: ERR and graded RBP as gdeval and ir-measures define them, NumQ, NumRel and NumRet as sums, words of every script.
"""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one system on one set of questions.

    Attributes
    ----------
    metrics
        Aggregate by metric, names as they were asked for.
    scores
        metric -> question id -> `Score`.
    cases, outcomes
        By question id: what was retrieved and answered, and its gold.
    k, level, seed
        How it was judged.
    pipeline
        Digest and fields of the pipeline value that was measured; empty for a system without one.
    corpus
        Digest of the documents, by `corpus_digest`; empty for a system without a knowledge base.
    """

    name: str
    questions: QuestionSet
    outcomes: Mapping[str, Outcome]
    cases: Mapping[str, Case]
    scores: Mapping[str, Mapping[str, Score]]
    metrics: Mapping[str, Aggregate]
    k: int
    level: Level
    seed: int = 0
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    corpus: str = ""

    @property
    def failures(self) -> dict[str, str]:
        """Reason by id of each question that failed."""
        return {name: own.error for name, own in self.outcomes.items() if own.error}

    @property
    def notes(self) -> dict[str, int]:
        """Stages that failed and were left out, with the number of questions each, which count as they are."""
        return dict(Counter(note for own in self.outcomes.values() for note in dict.fromkeys(own.notes)).most_common())

    def values(self, metric: str) -> dict[str, float]:
        """Return a metric's value by question, failed ones as 0; questions that it cannot score are absent."""
        return _values(self._scores(metric))

    def slices(self, metric: str, by: str) -> dict[str, Aggregate]:
        """Aggregate a metric by the values of a metadata field of the questions."""
        groups: dict[str, list[Score]] = {}
        own = self._scores(metric)
        for question in self.questions:
            groups.setdefault(_shown(question.metadata.get(by)), []).append(own[question.id])
        return {value: total(metric, scores, seed=self.seed) for value, scores in sorted(groups.items())}

    def worst(self, metric: str, n: int = 10) -> list[Case]:
        """Return the ``n`` questions with the lowest values, failed ones first."""
        own, values = self._scores(metric), self.values(metric)
        order = sorted(values, key=lambda q: (not own[q].failed, values[q]))
        return [self.cases[q] for q in order[:n]]

    def run(self) -> dict[str, list[tuple[str, float]]]:
        """Return the rankings, for `rag.evaluation.trec.write_run`: by question (item, score), best first."""
        return {
            q: [(item, float(len(case.ranked) - rank)) for rank, item in enumerate(case.ranked)]
            for q, case in self.cases.items()
        }

    def matrix(self) -> tuple[list[str], list[str], NDArray[np.float64]]:
        """Return question ids, metrics and values, shape (n_questions, n_metrics); NaN where a metric has none."""
        names, rows = list(self.metrics), [q.id for q in self.questions]
        table = np.full((len(rows), len(names)), np.nan)
        for at, metric in enumerate(names):
            values = self.values(metric)
            table[:, at] = [values.get(q, np.nan) for q in rows]
        return rows, names, table

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for JSON; `save` adds the rows."""
        return {
            "name": self.name,
            "questions": {"name": self.questions.name, "n": len(self.questions), "digest": self.questions.digest},
            "k": self.k,
            "level": self.level,
            "seed": self.seed,
            "pipeline": dict(self.pipeline),
            "corpus": self.corpus,
            "definitions": DEFINITIONS,
            "own_metrics": own_digests(self.metrics),
            "metrics": {name: value.as_dict() for name, value in self.metrics.items()},
            "problems": list(self.questions.remarks),
            "failures": self.failures,
            "notes": self.notes,
        }

    def save(self, path: str | Path) -> None:
        """Write figures and rows as JSON, whole or not at all; `Saved.load` reads them."""
        rows = {m: {q: [s.value, s.reason, s.failed] for q, s in own.items()} for m, own in self.scores.items()}
        asked = {q.id: asked_digest(q) for q in self.questions}
        document = {"format": FORMAT, **self.as_dict(), "asked": asked, "scores": rows}
        with whole_file(path) as out:
            out.write(json.dumps(document, ensure_ascii=False, allow_nan=False))

    def _scores(self, metric: str) -> Mapping[str, Score]:
        if metric not in self.scores:
            raise InvalidInput(f"{metric!r} was not evaluated; there are {', '.join(self.scores)}")
        return self.scores[metric]


@dataclass(frozen=True)
class Saved:
    """An evaluation read back: figures and values by question, enough to compare with."""

    name: str
    digest: str
    metrics: Mapping[str, Aggregate]
    scores: Mapping[str, Mapping[str, Score]]
    pipeline: Mapping[str, Any] = field(default_factory=dict)
    """Digest and fields of the pipeline value; empty where it is not known."""
    problems: tuple[str, ...] = ()
    """Problems of the questions and their gold, a sentence each."""
    k: int | None = None
    level: str = ""
    corpus: str = ""
    """Digest of the documents, as `Evaluation.corpus`."""
    definitions: int | None = None
    """`DEFINITIONS` of the code that measured."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """`asked_digest` by question; like the others empty where an earlier version saved the evaluation."""
    own_metrics: Mapping[str, str] = field(default_factory=dict)
    """Digest by name of the metrics of one's own, where it was known."""

    def values(self, metric: str) -> dict[str, float]:
        """Return a metric's value by question, as `Evaluation.values`."""
        return _values(self.scores.get(metric, {}))

    @classmethod
    def load(cls, path: str | Path) -> Saved:
        """Read what `Evaluation.save` wrote.

        Raises
        ------
        InvalidInput
            It cannot be read, or is not an evaluation.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise InvalidInput(f"{path} has format {data['format']}, this version reads {FORMAT}; evaluate again")
            scores = {m: {q: Score(v, r, bool(f)) for q, (v, r, f) in own.items()} for m, own in data["scores"].items()}
            metrics = {m: Aggregate(**own) for m, own in data["metrics"].items()}
            problems = tuple(map(str, data["problems"]))
            pipeline = dict(data.get("pipeline") or {})
            return cls(
                str(data["name"]),
                str(data["questions"]["digest"]),
                metrics,
                scores,
                pipeline,
                problems,
                data["k"],
                str(data["level"]),
                str(data.get("corpus", "")),
                data.get("definitions"),
                dict(data.get("asked", {})),
                dict(data.get("own_metrics", {})),
            )
        except OSError as error:
            raise InvalidInput(f"cannot read the evaluation {path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"{path} is not a saved evaluation: {error}") from error


def asked_digest(question: Question) -> str:
    """Return a digest of what a question asks and what is right: two alike can be compared.

    Quotes are gold as they are written: where they are found in a corpus changes with the corpus.
    """
    row = question.as_dict()
    row.pop("metadata", None)
    if question.quotes:
        row.pop("spans", None)
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:16]


def corpus_digest(kb: KnowledgeBase) -> str:
    """Return a digest over the ids of all documents and the bytes of their sources."""
    whole = hashlib.sha256()
    for name in sorted(kb.document_ids()):
        whole.update(f"{name}\n".encode(errors="surrogatepass"))
    for name, source in sorted(kb.sources().items()):
        whole.update(f"{name} {source.sha256}\n".encode(errors="surrogatepass"))
    return whole.hexdigest()


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {q: 0.0 if s.failed else float(s.value or 0.0) for q, s in scores.items() if s.failed or s.value is not None}


def _shown(value: Field) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "(none)" if value is None else str(value)
