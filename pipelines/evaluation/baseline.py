"""Compare an evaluation with an earlier one, or with a TREC run: the same questions, the same gold, or a reason.

Questions are compared where both sides were asked the same and judged by the same gold; how many are left out, and what
else differs, is said. Where nothing is left, the comparison is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput
from rag.evaluation import Evaluation, Saved
from rag.evaluation.comparison import Comparison, compare, corrected
from rag.evaluation.metrics.ranking import per_question
from rag.evaluation.metrics.registry import find, lower_is_better, own_digests
from rag.evaluation.results import DEFINITIONS, asked_digest
from rag.evaluation.trec import Run, read_run

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

Changes = dict[str, tuple[Any, Any]]
"""Field of the pipeline -> (its value now, the baseline's)."""

_SHOWN = 3


@dataclass(frozen=True)
class Baseline:
    """An evaluation compared with a baseline.

    Attributes
    ----------
    comparisons
        One a metric, Holm-corrected together; empty without a baseline.
    notes
        What differs besides the system, what was left out, and what the baseline does not know; a sentence each.
    changes
        Fields in which the pipelines differ; None where the baseline's is not known.
    """

    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    changes: Changes | None = None


Values = dict[str, dict[str, float]]
"""metric -> question -> value."""


def read_baseline(path: Path) -> Saved | Run:
    """Read a saved evaluation or a TREC run: before the first question is asked.

    Raises
    ------
    InvalidInput
        The file cannot be read, or is neither.
    """
    try:
        with path.open("rb") as file:
            saved = file.read(1) == b"{"
    except OSError as error:
        raise InvalidInput(f"cannot read the baseline {path}: {error.strerror or error}") from error
    return Saved.load(path) if saved else read_run(path)


def against(result: Evaluation, given: Saved | Run, baseline: Path, kb: KnowledgeBase | None = None) -> Baseline:
    """Compare a result with a saved one, or with a TREC run, on every metric that both have.

    Parameters
    ----------
    given, baseline
        What `read_baseline` gave, and the file that it read.
    kb
        The knowledge base behind the result; with it, documents that a run does not share are counted.

    Raises
    ------
    InvalidInput
        It has nothing in common with the result that can be compared.
    """
    if isinstance(given, Saved):
        notes, values = _of_saved(result, given, baseline)
        changes = _changes(result, given)
    else:
        notes, values = _of_run(result, given, baseline, kb)
        changes = None
    names = (result.name, baseline.stem)
    found = []
    for metric, own in values.items():
        mine = result.values(metric)
        if own and set(own) & set(mine):
            lower = lower_is_better(metric)
            mine = {q: value for q, value in mine.items() if q in own}
            found.append(compare(mine, own, metric=metric, names=names, lower=lower, seed=result.seed))
    if not found:
        raise InvalidInput(
            f"{baseline} and this evaluation share no metric on any question; evaluate with the same ones"
        )
    return Baseline(tuple(corrected(found)), tuple(notes), changes)


def _of_saved(result: Evaluation, saved: Saved, path: Path) -> tuple[list[str], Values]:
    if saved.level and saved.level != result.level:
        raise InvalidInput(
            f"{path} was judged by {saved.level}, this evaluation by {result.level}: their figures are not of one kind"
        )
    notes: list[str] = []
    same = _same_questions(result, saved, path, notes)
    if saved.k != result.k:
        notes.append(f"k is {result.k}, the baseline's {saved.k}: metrics without a cutoff see other numbers of items")
    if saved.definitions != DEFINITIONS:
        notes.append("the baseline was measured by a version that defines some metrics otherwise; evaluate it again")
    if not saved.corpus or not result.corpus:
        notes.append("it is not known whether the documents are those of the baseline")
    elif saved.corpus != result.corpus:
        notes.append("the documents differ from the baseline's: some difference may be theirs")
    lacking = [metric for metric in result.metrics if metric not in saved.scores]
    if lacking:
        notes.append(f"the baseline has no {', '.join(lacking)}")
    own = own_digests(result.metrics)
    changed = [metric for metric in own if metric in saved.scores and saved.own_metrics.get(metric) != own[metric]]
    notes += [f"{metric} is a metric of your own whose code or parameters differ: not compared" for metric in changed]
    values = {
        metric: {q: value for q, value in saved.values(metric).items() if q in same}
        for metric in result.metrics
        if metric in saved.scores and metric not in changed
    }
    return notes, values


def _same_questions(result: Evaluation, saved: Saved, path: Path, notes: list[str]) -> set[str]:
    """Return the questions that both were asked, with one text and one gold; note the others."""
    own = {q.id: asked_digest(q) for q in result.questions}
    theirs = saved.asked
    if not theirs:  # saved by an earlier version
        if saved.digest != result.questions.digest:
            raise InvalidInput(
                f"the questions of {path} are not these, and it does not say which differ; evaluate again"
            )
        return set(own)
    shared = [q for q in own if q in theirs]
    changed = [q for q in shared if own[q] != theirs[q]]
    if changed:
        notes.append(f"{_counted(changed, len(own))} have another text or other gold than the baseline's: left out")
    missing = [q for q in own if q not in theirs]
    if missing:
        notes.append(f"{_counted(missing, len(own))} are not in the baseline: left out")
    more = len(set(theirs) - set(own))
    if more:
        notes.append(f"{more} questions of the baseline were not asked now")
    same = set(shared) - set(changed)
    if not same:
        raise InvalidInput(f"{path}: {'; '.join(notes)}. Nothing can be compared; evaluate both with one file")
    return same


def _of_run(result: Evaluation, run: Run, path: Path, kb: KnowledgeBase | None) -> tuple[list[str], Values]:
    own = [q.id for q in result.questions]
    known = [q for q in own if q in run]
    if not known:
        raise InvalidInput(
            f"{path}: 0 of {len(own)} questions are in the run, whose first one is {next(iter(run), '')!r}; "
            "its question ids must be those of the questions"
        )
    notes = []
    if len(known) < len(own):
        missing = [q for q in own if q not in run]
        notes.append(
            f"{_counted(missing, len(own))} are not in the run: left out (a system that finds nothing says so)"
        )
    if len(known) < len(run):
        notes.append(f"{len(run) - len(known)} questions of the run were not asked now")
    notes += _items_of(result, {q: run[q] for q in known}, path, kb)
    rankings = [metric for metric in result.metrics if not find(metric)]
    qrels = {q: dict(case.gold) for q, case in result.cases.items() if case.gold and q in run}
    return notes, per_question(rankings, qrels, run)


def _items_of(
    result: Evaluation, run: Mapping[str, Mapping[str, float]], path: Path, kb: KnowledgeBase | None
) -> list[str]:
    """Say how many of a run's items are known; refuse a run of which none is, or that ranks items of another kind."""
    items = {item for ranked in run.values() for item in ranked}
    documents, chunks = _known_items(result, kb)
    known, others = (documents, chunks) if result.level == "document" else (chunks, documents)
    if not items & known:
        kind = "documents" if result.level == "document" else "chunks"
        other = "chunks" if result.level == "document" else "documents"
        hint = f"it ranks {other}, and the gold is judged by {result.level}" if items & others else "its ids are others"
        raise InvalidInput(
            f"{path}: 0 of {len(items)} ranked items are {kind} that are known: {hint}. "
            "Compare with a file of --save, or with a run over the same ids"
        )
    notes = []
    if items - known:
        notes.append(f"{_counted(sorted(items - known), len(items), 'items of the run')} are not known here")
    if result.level != "document":
        notes.append("the run ranks chunks by number: it must be of this very knowledge base")
    return notes


def _known_items(result: Evaluation, kb: KnowledgeBase | None) -> tuple[set[str], set[str]]:
    if kb is not None:
        return set(kb.document_ids()), {str(chunk) for chunk in kb.chunk_ids().tolist()}
    passages = [p for own in result.outcomes.values() for p in own.passages]
    judged = {item for case in result.cases.values() for item in case.gold}
    documents, chunks = {p.document for p in passages}, {str(p.chunk) for p in passages}
    return (documents | judged, chunks) if result.level == "document" else (documents, chunks | judged)


def _counted(names: Sequence[str], of: int, what: str = "questions") -> str:
    shown = ", ".join(map(repr, names[:_SHOWN])) + (" ..." if len(names) > _SHOWN else "")
    return f"{len(names)} of {of} {what} ({shown})"


def _changes(result: Evaluation, saved: Saved) -> Changes | None:
    """Return the fields in which the pipeline differs from a saved baseline's; None where that one is not known."""
    there, here = saved.pipeline, result.pipeline
    if not there or not here:
        return None
    names = [name for name in {**here, **there} if name != "digest"]
    return {name: (here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name)}
