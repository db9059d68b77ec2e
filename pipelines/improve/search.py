"""Search for a better pipeline value: one experiment a field, each on the best value so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.evaluation import QuestionSet, Saved
from rag.evaluation.comparison import Comparison
from rag.retrieval.choices import Value
from rag.retrieval.config import PipelineConfig

from ..experiments import Experiment, Result, run
from ..experiments.analysis import against_baseline
from ..experiments.config import Measure
from .candidates import Tries, fields, values
from .remembering import Remembering

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

PASSES = 2
"""How often all fields are gone through at most; the second time finds what depends on a field tried later."""
_OWN = "None"
"""The name under which an experiment looks for the embedder of a knowledge base that is there."""
Tell = Callable[[str], None]
Changes = Mapping[str, tuple[Value, Value]]
"""Field -> (value before, value after)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One pipeline value that was measured.

    Attributes
    ----------
    config
        The value.
    mean
        Of the metric; None where it failed.
    comparison
        With the present one; None for that one itself, and where it failed.
    error
        Why it could not be measured.
    """

    config: PipelineConfig
    mean: float | None
    comparison: Comparison | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the best value, which may be the present one, and all that it tried, that one first."""

    best: PipelineConfig
    tried: tuple[Tried, ...]

    @property
    def comparison(self) -> Comparison | None:
        """The best value against the present one, with Holm's correction over all that was tried."""
        return next(each.comparison for each in self.tried if each.config == self.best)


class Search:
    """Measures pipeline values on a knowledge base as it is.

    Parameters
    ----------
    kb
        The knowledge base, which is opened again for each value; its embedder is not.
    metric
        Higher is better.
    scratch
        Folder for experiments: they hold texts of documents, so it goes when the search is over.
    """

    def __init__(self, kb: KnowledgeBase, metric: str, scratch: Path, *, seed: int, tell: Tell) -> None:
        self._kb, self._metric, self._scratch, self._seed, self._tell = kb.path, metric, scratch, seed, tell
        self._embedders = {_OWN: Remembering(kb.embedder)}
        self._experiments = 0

    def best(self, present: PipelineConfig, questions: QuestionSet, more: Tries) -> Found:
        """Return the best value for some questions.

        A field's value is taken over where it is better beyond chance than the best so far, with Holm's correction
        over the field's values: what is not does not ride along.
        """
        best, saved, known, errors = present, dict[str, Saved](), {present.digest: present}, dict[str, str]()
        for _ in range(PASSES):
            before = best
            for field in fields(more):
                tries = values(field, best, more)
                if len(tries) < 2:
                    continue
                self._tell(f"trying {field}")
                result = self.measured(best, questions, {field: tries})
                for row in result.rows:
                    config = best.with_(**{field: row.parts[field]})
                    known.setdefault(config.digest, config)
                    if row.sound:
                        saved.setdefault(config.digest, result.saved[row.name])
                    else:
                        errors[config.digest] = row.error or "; ".join(row.failed)
                best = best.with_(**{field: _taken(result, field, getattr(best, field))})
            if best == before:
                break
        compared = against_baseline(saved, present.digest, self._metric, seed=self._seed)
        return Found(best, tuple(self._tried(known[each], saved.get(each), compared, errors) for each in known))

    def _tried(
        self,
        config: PipelineConfig,
        saved: Saved | None,
        compared: Mapping[str, Comparison],
        errors: Mapping[str, str],
    ) -> Tried:
        own = {} if saved is None else saved.values(self._metric)
        mean = sum(own.values()) / len(own) if own else None
        return Tried(config, mean, compared.get(config.digest), errors.get(config.digest, "") if saved is None else "")

    def measured(
        self,
        config: PipelineConfig,
        questions: QuestionSet,
        vary: Mapping[str, tuple[Value, ...]] | None = None,
        *,
        metrics: tuple[str, ...] = (),
        latency: int = 0,
    ) -> Result:
        """Return an experiment's result; the present value is its baseline."""
        self._experiments += 1
        experiment = Experiment(
            kb=str(self._kb),
            questions=questions,
            pipeline=config,
            vary=vary or {},
            measure=Measure(metrics=(self._metric, *metrics), latency=latency),
            name="rag improve",
            seed=self._seed,
        )
        cache = self._scratch / "cache"  # what was asked once is not asked again in another round
        out = self._scratch / str(self._experiments)
        return run(experiment, out, cache=cache, embedders=self._embedders)


def _taken(result: Result, field: str, present: Value) -> Value:
    """Return the best value that is better than the present one beyond chance; else that one."""
    better = {name for name, own in result.comparisons.items() if own.significant and own.difference > 0}
    row = next((row for row in result.leaderboard() if row.name in better), None)
    return present if row is None else row.parts[field]


def changes(before: PipelineConfig, after: PipelineConfig) -> dict[str, tuple[Any, Any]]:
    """Return what differs: (before, after) by field."""
    return {name: (old, new) for name, (new, old) in after.differences(before).items()}
