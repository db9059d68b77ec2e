"""``rag search``: passages for one question, or a TREC run for a file of questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import InvalidInput

from .. import json_forms
from ..plain_text import one_line, safe
from . import exit_codes
from .ask import place
from .options import Json, KnowledgeBasePath
from .output import print_json, progress_bar, stderr, stdout
from .pipeline_options import PipelineOptions, with_pipeline
from .streaming_output import searched_for

if TYPE_CHECKING:
    from rag.documents.document import Passage
    from rag.retrieval.retriever import Retriever


@with_pipeline
def command(
    kb: KnowledgeBasePath,
    pipeline: PipelineOptions,
    question: Annotated[str | None, typer.Argument(help="The question; or give --questions.")] = None,
    questions: Annotated[
        Path | None, typer.Option(help='File of questions, one {"_id": ..., "text": ...} a line.')
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Write the documents found for --questions as a TREC run.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how the passages were found: queries, hits, scores, moves.")
    ] = False,
    json: Json = False,
) -> int:
    """Find the passages that fit a question. With --questions, answer a file of them as a TREC run."""
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.retriever import Retriever

    if (question is None) == (questions is None):
        raise InvalidInput("give either a question or --questions FILE.jsonl")
    if (questions is None) != (run is None):
        raise InvalidInput("--questions and --run go together: the run is where the answers are written")
    with KnowledgeBase.open(kb) as base, Retriever(base, pipeline.of(base)) as retriever:
        if questions is not None and run is not None:
            return _run(retriever, questions, run, json)
        assert question is not None  # noqa: S101 - checked above; tells mypy
        if explain:
            from . import explanation_table

            return explanation_table.show(retriever.explain(question), json=json)
        return _one(retriever, question, json)


def _run(retriever: Retriever, questions: Path, run: Path, json: bool) -> int:
    from ..evaluation.trec_run import write_run

    with progress_bar(not json, "questions", "bar", "count", "left") as bar:
        told = None if bar is None else lambda done, total: bar(completed=done, total=total)
        report = write_run(retriever, questions, run, k=retriever.config.k, progress=told)
    if json:
        print_json({**report.as_dict(), "pipeline": {"digest": retriever.config.digest}})
    else:
        stdout().print(f"{report.questions} questions, {report.lines} lines written to {run}")
        for line in report.failures:
            stderr().print(f"failed: {one_line(line)}")
        for note, count in report.notes.items():
            stderr().print(f"note: {count} of {report.questions} questions: {one_line(note)}", style="yellow")
    return exit_codes.SOME_FILES_FAILED if report.failures else exit_codes.OK


def _one(retriever: Retriever, question: str, json: bool) -> int:
    if not question.strip():
        raise InvalidInput("the question is empty; ask something in words")
    found = retriever.search(question)
    if json:
        passages = [json_forms.passage(p) for p in found.passages]
        told = {"question": question, "searched": found.question, "passages": passages}
        ran = {"pipeline": {"digest": retriever.config.digest}}
        print_json({**told, "timings": dict(found.timings), "notes": list(found.notes), **ran})
    else:
        searched = searched_for(question, found.question)
        if searched:
            stderr().print(searched, style="dim")
        _show(found.passages)
        for note in found.notes:
            stderr().print(f"note: {one_line(note)}", style="yellow")
    return exit_codes.OK if found.passages else exit_codes.NOTHING_FOUND


def _show(passages: list[Passage]) -> None:
    console = stdout()
    if not passages:
        console.print("Nothing found.")
    for p in passages:
        parts = "  ".join(f"{name} {value:.3f}" for name, value in p.scores.items())
        spot = place(p)
        console.print(f"{p.rank}. {spot}", style="cyan", soft_wrap=True)
        console.print(f"   score {p.score:.3f}  ({parts})  characters {p.start}-{p.end}", style="dim", soft_wrap=True)
        console.print(f"   {one_line(safe(p.text), 400)}\n")
