"""``rag questions``: make a test set from your own documents, and check one against them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from rag.store.address import shown

from ..plain_text import one_line
from . import exit_codes
from .options import Json, KnowledgeBasePath
from .output import print_json, progress_bar, stderr, stdout

app = typer.Typer(help="Make and check sets of test questions.", no_args_is_help=True, rich_markup_mode=None)


@app.command("make")
def make(
    kb: KnowledgeBasePath,
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="Questions to make, at most.")] = 200,
    out: Annotated[Path, typer.Option(help="File to write, one question a line.")] = Path("questions.jsonl"),
    html: Annotated[Path | None, typer.Option(help="Write a page to review them by.")] = None,
    unanswerable: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Questions of them without an answer: asked while their document is left out; default: a fifth.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="A language model writes them, e.g. openai:MODEL; default: rules."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Same documents and seed, same questions.")] = 0,
    json: Json = False,
) -> int:
    """Make questions from the documents, each with the span that answers it, or unanswerable. Read them first."""
    from rag.evaluation.questions.question_files import write_questions
    from rag.evaluation.questions.question_making import make_questions
    from rag.knowledge_base import KnowledgeBase
    from rag.llm.models import language_model

    with KnowledgeBase.open(kb) as base, progress_bar(not json, "questions", "bar", "count", "left") as bar:
        found = make_questions(
            base,
            n,
            unanswerable=n // 5 if unanswerable is None else unanswerable,
            model=language_model(model) if model else None,
            seed=seed,
            progress=None if bar is None else lambda done, total: bar(completed=done, total=total),
        )
    lost = sum(question.unanswerable for question in found.questions)
    easy = sum(bool(question.metadata.get("easy")) for question in found.questions)
    kept = _keeping(out)
    write_questions(found.questions, out)
    if kept and kept.read_bytes() == out.read_bytes():
        kept.unlink()
        kept = None
    if html is not None:
        from ..evaluation.questions_page import review
        from ..reports.pages import write_page

        write_page(html, review(found))
    if json:
        print_json(
            {
                "questions": len(found.questions),
                "unanswerable": lost,
                "easy": easy,
                "file": str(out),
                "kept": kept and str(kept),
                "rejected": found.rejected,
            }
        )
        return exit_codes.OK
    console = stdout()
    console.print(f"{len(found.questions)} questions written to {out}, {lost} of them unanswerable")
    if easy:
        console.print(
            f"{easy} repeat half of their words from their answer, and are marked as easy: real questions seldom do",
            style="yellow",
        )
    if kept:
        console.print(f"The other questions that were there are kept in {kept}", style="yellow")
    for question in found.questions[:3]:
        console.print(f"  {one_line(question.text, 110)}", style="dim")
    if len(found.questions) < n:
        console.print(f"The documents gave no more than {len(found.questions)}.", style="yellow")
    console.print(f"Review them, then: rag evaluate {shown(kb)} {out}")
    return exit_codes.OK


def _keeping(out: Path) -> Path | None:
    """Copy a file that a person may have corrected to a free name: questions.jsonl.1, .2 ..."""
    if not out.is_file():
        return None
    kept = next(path for n in itertools.count(1) if not (path := out.with_name(f"{out.name}.{n}")).exists())
    kept.write_bytes(out.read_bytes())
    return kept


@app.command("check")
def check(
    kb: KnowledgeBasePath,
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="A file of questions, beir:DIR, datasets:DIR, ir_datasets:NAME.")
    ],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Split of a BEIR folder, qrels/NAME.tsv, or of a data set.")
    ] = "test",
    json: Json = False,
) -> int:
    """Say which gold the knowledge base does not hold. Gold is documents, chunks, spans and quotes."""
    from rag.evaluation import read_questions
    from rag.evaluation.questions.locating import located
    from rag.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(kb) as base:
        found = located(read_questions(questions, split=split), base)
    if json:
        print_json(
            {
                "questions": len(found),
                "level": found.level,
                "problems": list(found.problems),
                "notes": list(found.notes),
            }
        )
    else:
        stdout().print(f"{len(found)} questions, gold by {found.level}, {len(found.problems)} problems")
        for problem in found.remarks:
            stderr().print(one_line(problem), style="yellow")
    return exit_codes.SOME_FILES_FAILED if found.problems else exit_codes.OK
