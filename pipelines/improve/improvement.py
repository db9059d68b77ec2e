"""Propose a change on one part of the reviewed questions, test it on the other, and apply it or leave it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from indexes.scratch import scratch_folder
from rag.errors import InvalidInput
from rag.evaluation.comparison import Comparison
from rag.evaluation.metrics.registry import check_metric, lower_is_better
from rag.feedback import Export, Feedback, export
from rag.generation.calibration import setting_of
from rag.generation.generators import EXTRACTIVE
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig, use_of

from ..experiments.compare import compare_results
from ..experiments.provenance import code
from ..experiments.results import Result
from ..experiments.stages import kb_digest
from .candidates import Tries
from .guards import ANSWERED, GUARDED, Guard, guards
from .parts import Parts, parts, placed
from .search import Found, Search, Tell, changes

METRIC = "context_ndcg"
LEAST = 20
"""Fresh questions for a test, at least, and as many to tune on: fewer show little, and are better saved up."""
ALPHA = 0.05
TIMED = 50
"""Questions whose time is measured."""


@dataclass(frozen=True)
class Improvement:
    """What came of a run.

    Attributes
    ----------
    present, proposed
        Pipeline values; ``proposed`` is None where nothing is better on the tuning part.
    found
        All that was tried on the tuning part; None where there were too few questions.
    test
        The proposed value against the present one on the test part; None where it was not tested.
    guards
        On the test part.
    look, level
        Which test since the last change that was applied, and the p that it must be below.
    applied
        Whether the proposed value is stored now.
    why
        The outcome, in a sentence.
    """

    kb: Path
    metric: str
    export: Export
    parts: Parts
    present: PipelineConfig
    proposed: PipelineConfig | None = None
    found: Found | None = None
    test: Comparison | None = None
    guards: tuple[Guard, ...] = ()
    look: int = 1
    level: float = ALPHA / 2
    applied: bool = False
    why: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def is_better(self) -> bool:
        """Whether the test found the proposed value better beyond chance, and no guard fell."""
        better = self.test is not None and self.test.p is not None and self.test.p < self.level
        return better and self.test is not None and self.test.difference > 0 and not any(g.fell for g in self.guards)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; it holds no text of a question or a document."""
        tried = () if self.found is None else self.found.tried
        return {
            "kb": str(self.kb),
            "metric": self.metric,
            "questions": {
                "reviewed": len(self.export.questions),
                "dropped": len(self.export.dropped),  # their reasons quote documents
                "to tune": len(self.parts.tuning),
                "to test": len(self.parts.test),
                "tuning digest": self.parts.tuning.digest,
                "test digest": self.parts.test.digest,
            },
            "present": {"digest": self.present.digest, "changed": self.present.changed()},
            "proposed": None
            if self.proposed is None
            else {"digest": self.proposed.digest, "changes": changes(self.present, self.proposed)},
            "tried": [
                {
                    "digest": each.config.digest,
                    "changes": changes(self.present, each.config),
                    "value": each.mean,
                    "comparison": each.comparison and asdict(each.comparison),
                    "error": each.error,
                }
                for each in tried
            ],
            "test": self.test and asdict(self.test),
            "guards": [each.as_dict() for each in self.guards],
            "look": self.look,
            "level": self.level,
            "better": self.is_better,
            "applied": self.applied,
            "why": self.why,
            "notes": list(self.notes),
            "code": code(),
        }


def level(look: int) -> float:
    """Return the p that the n-th test since the last applied change must be below.

    0.05 / (n (n + 1)): 0.025, 0.0083, 0.0042 ..., which sum to 0.05 however many there are. So the chance that any of
    them applies a change that changes nothing is at most 5 %, not 5 % each.
    """
    return ALPHA / (look * (look + 1))


def improve(
    kb: str | Path,
    *,
    tries: Tries | None = None,
    metric: str = METRIC,
    least: int = LEAST,
    answers: bool | None = None,
    dry_run: bool = False,
    seed: int = 0,
    wait: float = 0.0,
    timed: int = TIMED,
    tell: Tell = lambda _: None,
) -> Improvement:
    """Improve the pipeline that is stored with a knowledge base, if its reviewed feedback shows how.

    Settings are tried on one part of the reviewed questions. The best is tested once on the other part, which no run
    has looked at before; from then on these questions tune. So however often this runs, no test is a second look.

    Parameters
    ----------
    tries
        More values to try, by field.
    metric
        What is to be better; of retrieval, higher is better.
    least
        Fresh questions that a test needs, and questions to tune on.
    answers
        Guard the share of questions that are answered as well: a model answers every test question twice. None does so
        where no language model answers.
    dry_run
        Propose, and look at no test question.
    timed
        Questions whose time is measured; with 0 time is not guarded.

    Raises
    ------
    InvalidInput
        The metric does not exist, or is none where higher is better.
    StoreError
        The knowledge base cannot be read, or not be written where the change is to be applied.
    """
    _check(metric, least)
    place = Path(kb).absolute()
    with KnowledgeBase.open(place) as base, Feedback.open(base) as feedback:
        present, exported = PipelineConfig.of(base), export(feedback, base)
        start = Improvement(place, metric, exported, parts(exported, feedback), present)
        run = _Run(start, feedback, least, seed, tell, timed)
        with scratch_folder("rag-improve-") as scratch:
            result = run.proposed(Search(base, metric, scratch, seed=seed, tell=tell), tries or {})
            if result.proposed is None or dry_run or placed(result.parts.test) < least:
                return result
            asks = present.generator == EXTRACTIVE if answers is None else answers
            result = run.tested(Search(base, metric, scratch / "test", seed=seed, tell=tell), asks)
        result = _applied(result, base, wait)
        run.keep(result)
    return result


def _check(metric: str, least: int) -> None:
    check_metric(metric)
    if lower_is_better(metric):
        raise InvalidInput(f"less of {metric} is better; give a metric of which more is, such as {METRIC}")
    if least < 2:
        raise InvalidInput(f"{least} questions cannot show anything; give 2 or more, {LEAST} are a beginning")


@dataclass
class _Run:
    """The steps of one run."""

    result: Improvement
    feedback: Feedback
    least: int
    seed: int
    tell: Tell
    timed: int
    number: int = 0

    def proposed(self, search: Search, tries: Tries) -> Improvement:
        """Search on the tuning part."""
        own = self.result
        looks = self._looks()
        own = self.result = replace(own, look=looks, level=level(looks))
        n, fresh = placed(own.parts.tuning), placed(own.parts.test)
        if n < self.least:
            return replace(own, why=f"Nothing was tried: {_too_few('to tune on', n, self.least)}")
        self.feedback.look(_answers(own, own.parts.tuning))
        found = search.best(own.present, own.parts.tuning, tries)
        own = self.result = replace(own, found=found)
        if found.best == own.present or found.comparison is None or not found.comparison.significant:
            return replace(own, why="Nothing that was tried is better beyond chance on the questions that tune.")
        own = self.result = replace(own, proposed=found.best)
        said = f"{_said(own)} is better on the questions that tune"
        if fresh < self.least:
            return replace(
                own, why=f"{said}. It is not tested: {_too_few('that no run has looked at', fresh, self.least)}"
            )
        return replace(own, why=f"{said}; {fresh} others would test it.")

    def tested(self, search: Search, asks: bool) -> Improvement:
        """Test the proposed value on the test part, which is noted first: a run that is killed has looked at it."""
        own = self.result
        assert own.proposed is not None  # noqa: S101 - the caller looked
        self.number = self.feedback.spend(_answers(own, own.parts.test), json.dumps(own.as_dict()))
        self.tell("testing")
        held = kb_digest(str(own.kb))
        metrics = (*GUARDED, ANSWERED) if asks else GUARDED
        before, after = (
            search.measured(config, own.parts.test, metrics=metrics, latency=self.timed)
            for config in (own.present, own.proposed)
        )
        own = self.result = self._judged(own, before, after)
        if kb_digest(str(own.kb)) != held:
            why = "The knowledge base was changed while it was measured, so the two are not measured on the same."
            own = self.result = replace(own, test=None, guards=(), why=f"{why} {_said(own)} is not applied.")
        return own

    def _judged(self, own: Improvement, before: Result, after: Result) -> Improvement:
        rows = [row for result in (before, after) for row in result.rows]
        failed = next((row.error or "; ".join(row.failed) for row in rows if not row.sound), "")
        if failed:
            return replace(own, why=f"{_said(own)} could not be tested: {failed}")
        (test,) = compare_results(before, after, metric=own.metric).comparisons
        named = replace(test, system="proposed", baseline="present")
        return replace(own, test=named, guards=tuple(guards(before, after, seed=self.seed, timed=self.timed > 0)))

    def keep(self, result: Improvement) -> None:
        """Keep what came of the test with the feedback."""
        self.feedback.report(self.number, json.dumps(result.as_dict()))

    def _looks(self) -> int:
        """Return which test since the last applied change the next one is."""
        looks = 1
        for text in self.feedback.runs():
            looks = 1 if json.loads(text).get("applied") else looks + 1
        return looks


def _answers(own: Improvement, questions: Any) -> list[str]:  # noqa: ANN401 - a question set
    return [answer for question in questions for answer in own.export.answers[question.id]]


def _applied(own: Improvement, base: KnowledgeBase, wait: float) -> Improvement:
    """Store the proposed value where it is better and no guard fell."""
    if own.test is None or own.proposed is None:
        return own
    said, p = _said(own), own.test.p if own.test.p is not None else 1.0
    tested = f"{own.test.difference:+.4f} {own.metric} on {own.test.n} fresh questions, p {p:.3g}"
    fallen = [f"{g.name} from {g.before:.4g} to {g.after:.4g}" for g in own.guards if g.fell]
    if fallen:
        return replace(own, why=f"{said} is not applied: it makes worse {', '.join(fallen)} ({tested}).")
    if not own.is_better:
        return replace(own, why=f"{said} is not applied: {tested}, which must be below {own.level:.3g}.")
    with KnowledgeBase.open(own.kb, mode="w", wait=wait) as writer:
        if PipelineConfig.of(writer) != own.present:
            why = "somebody has stored another pipeline meanwhile"
            return replace(own, why=f"{said} is better ({tested}), and not applied: {why}.")
        own.proposed.store(writer)
    return replace(own, applied=True, why=f"{said} is applied: {tested}.", notes=_notes(own, base))


def _notes(own: Improvement, base: KnowledgeBase) -> tuple[str, ...]:
    found = ["Servers and bots that are open answer as before until they start anew."]
    uses = {use_of(name) for name in changes(own.present, own.proposed or own.present)}
    if uses and base.setting(setting_of(own.present.generator)) is not None:
        found.append(f"The calibration was fitted under the pipeline before: rag calibrate {own.kb} QUESTIONS")
    return tuple(found)


def _said(own: Improvement) -> str:
    proposed = own.proposed or own.present
    return ", ".join(f"{name} {old} -> {new}" for name, (old, new) in changes(own.present, proposed).items())


def _too_few(what: str, n: int, least: int) -> str:
    return f"there are {n} reviewed questions {what}, and it takes {least}; review more feedback."


__all__ = ["ALPHA", "LEAST", "METRIC", "Improvement", "improve", "level"]
