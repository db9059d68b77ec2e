"""Answer a file of questions and write a document-level TREC run.

A line is ``question-id Q0 document-id rank score tag`` (the format of NIST's trec_eval). trec_eval orders by score,
not by rank, reads scores as float32 and breaks ties by descending document id; so scores are written strictly
descending in float32, and its order is ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.documents import Passage
from rag.errors import InvalidInput
from rag.evaluation.trec import run_lines
from rag.whole_file import whole_file

if TYPE_CHECKING:
    from rag.searching import Searcher

_BATCH = 256
_PASSAGES_PER_DOCUMENT = 10
"""Chunks asked for per document wanted: several chunks of one document share one line of the run."""


@dataclass(slots=True)
class RunReport:
    """What `write_run` did; ``notes`` say what failed and was done without, with the number of questions."""

    questions: int = 0
    lines: int = 0
    failures: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return asdict(self)


def write_run(retriever: Searcher, questions: Path, run: Path, *, k: int, tag: str = "rag-workbench") -> RunReport:
    """Answer every question and write the run, whole or not at all.

    Parameters
    ----------
    retriever
        Finds the passages; a document's score is that of its best passage.
    questions
        JSONL, ``{"_id", "text"}`` a line; ``id`` will do for ``_id``.
    run
        File to write. White space in ids is percent-encoded.
    k
        Documents per question.

    Raises
    ------
    InvalidInput
        If the file of questions cannot be read.
    """
    report = RunReport()
    with whole_file(run) as out:
        for batch in _batches(read_questions(questions, report.failures)):
            results = retriever.search_many([text for _, text in batch], k=k * _PASSAGES_PER_DOCUMENT)
            for (name, _), found in zip(batch, results, strict=True):
                report.questions += 1
                for note in dict.fromkeys(found.notes):
                    report.notes[note] = report.notes.get(note, 0) + 1
                for line in _lines(name, found.passages, k, tag):
                    out.write(line)
                    report.lines += 1
    return report


def read_questions(path: Path, failures: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (id, text) of each good line; say of each bad one what is wrong with it."""
    try:
        file = path.open(encoding="utf-8-sig", errors="replace")  # Windows marks its files
    except OSError as error:
        raise InvalidInput(f"cannot read the questions {path}: {error.strerror}") from error
    seen: set[str] = set()
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name, text = str(row["_id"] if "_id" in row else row["id"]), str(row["text"])
            except (ValueError, KeyError, TypeError, RecursionError):
                failures.append(f"{path}:{number}: not a JSON object with _id and text")
                continue
            if not text.strip():
                failures.append(f"{path}:{number}: question {name} is empty")
            elif name in seen:
                failures.append(f"{path}:{number}: question id {name} stands twice; the first one counts")
            else:
                seen.add(name)
                yield name, text


def _batches(rows: Iterator[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _lines(question: str, passages: list[Passage], k: int, tag: str) -> Iterator[str]:
    best: dict[str, float] = {}
    for passage in passages:
        best.setdefault(passage.document, passage.score)  # passages come best first
    yield from run_lines(question, islice(best.items(), k), tag)
