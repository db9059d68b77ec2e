"""Answer a file of questions and write a TREC run of documents, see `rag.evaluation.trec`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents.document import Passage
from rag.evaluation import QuestionSet, read_questions
from rag.evaluation.evaluator import PASSAGES_PER_DOCUMENT
from rag.evaluation.trec import checked_id, run_lines
from rag.whole_file import whole_file

if TYPE_CHECKING:
    from rag.evaluation.collecting import Progress
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.retriever import Retriever

_BATCH = 256


@dataclass(slots=True)
class RunReport:
    """Result of `write_run`; ``notes`` count the questions for which a stage failed and was left out."""

    questions: int = 0
    lines: int = 0
    failures: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return asdict(self)


def write_run(
    retriever: Retriever,
    questions: Path,
    run: Path,
    *,
    k: int,
    tag: str = "rag-workbench",
    progress: Progress | None = None,
) -> RunReport:
    """Answer every question and write the run, whole or not at all.

    Parameters
    ----------
    retriever
        Finds the passages; a document's score is that of its best passage. Documents are judged one by one, so
        passages that repeat a better one are kept.
    questions
        A file that `rag.evaluation.read_questions` reads.
    run
        File to write.
    k
        Documents per question.
    progress
        Called with questions done and in all.

    Raises
    ------
    InvalidInput
        If the file of questions cannot be read, or an id of a question or document holds white space.
    """
    asked = read_questions(questions)
    check_ids(asked, retriever.kb)
    report = RunReport(len(asked), failures=list(asked.problems))
    with whole_file(run) as out:
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            results = retriever.search_many(
                [question.text for question in batch], k * PASSAGES_PER_DOCUMENT, repeats=True
            )
            for question, found in zip(batch, results, strict=True):
                for note in dict.fromkeys(found.notes):
                    report.notes[note] = report.notes.get(note, 0) + 1
                lines = list(run_lines(question.id, islice(_documents(found.passages).items(), k), tag))
                out.writelines(lines)
                report.lines += len(lines)
            if progress is not None:
                progress(start + len(batch), len(asked))
    return report


def check_ids(questions: QuestionSet, kb: KnowledgeBase | None) -> None:
    """Refuse, before a question is asked, ids that a run cannot hold; ``kb``: where documents are ranked.

    Raises
    ------
    InvalidInput
        Names the id.
    """
    for name in (*(question.id for question in questions), *(kb.document_ids() if kb is not None else ())):
        checked_id(name)


def _documents(passages: Iterable[Passage]) -> dict[str, float]:
    """Return the best score of each document; passages come best first."""
    best: dict[str, float] = {}
    for passage in passages:
        best.setdefault(passage.document, passage.score)
    return best
