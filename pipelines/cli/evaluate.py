"""``rag evaluate``: how well a knowledge base answers a set of questions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import exit_codes
from .arguments import DenseWeight, Fusion, Json, K, KnowledgeBasePath, MaxPerSource, Rewrite, Where
from .output import one_line, print_json, stderr, stdout
from .retrieving import retriever_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.evaluation import Evaluation
    from rag.evaluation.asking import Progress


def command(
    kb: KnowledgeBasePath,
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="A .jsonl, .csv or SQuAD .json file, or beir:FOLDER.")
    ],
    k: K = 5,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help='Separated by commas, e.g. "nDCG@10,P@5,R@10,RR"; docs/concepts/evaluation.md has all.',
        ),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Write what was ranked as a TREC run.")] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="Of a BEIR folder: which qrels/NAME.tsv.")] = "test",
    sample: Annotated[int | None, typer.Option(metavar="N", min=1, help="Ask a seeded sample of N questions.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of samples and intervals.")] = 0,
    where: Where = None,
    fusion: Fusion = "zscore",
    dense_weight: DenseWeight = None,
    max_per_source: MaxPerSource = None,
    rewrite: Rewrite = "auto",
    save: Annotated[Path | None, typer.Option(help="Keep figures and rows, to compare with later.")] = None,
    allow_failed: Annotated[bool, typer.Option("--allow-failed", help="Exit 0 although questions failed.")] = False,
    json: Json = False,
) -> int:
    """Measure retrieval and answers on questions with known answers; failures count as zero."""
    from rag.evaluation import evaluate, read_questions
    from rag.evaluation.evaluator import DEFAULT_METRICS, checked
    from rag.evaluation.trec import write_run
    from rag.knowledge_base import KnowledgeBase

    asked = checked(names(metrics) if metrics is not None else DEFAULT_METRICS)
    wanted = read_questions(questions, split=split)
    if sample is not None:
        wanted = wanted.sample(sample, seed=seed)
    with KnowledgeBase.open(kb) as base:
        # Judged document by document, near-identical documents are judged apart: none is hidden.
        retriever = retriever_for(
            base,
            k=k,
            where=where,
            fusion=fusion,
            dense_weight=dense_weight,
            max_per_source=max_per_source,
            rewrite=rewrite,
            dedupe=wanted.level != "document",
        )
        with progress(json) as told:
            result = evaluate(retriever, wanted, metrics=asked, k=k, name=kb.resolve().name, seed=seed, progress=told)
    if run is not None:
        write_run(run, result.run())
    if save is not None:
        result.save(save)
    if json:
        print_json(result.as_dict())
    else:
        show(result)
    return exit_codes.SOME_FILES_FAILED if result.failures and not allow_failed else exit_codes.OK


def names(text: str) -> list[str]:
    """Split a list of metrics at its commas, those in parentheses aside."""
    found, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    return [name for name in [*found, text[start:].strip()] if name]


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """Show how many questions are done, at what rate, and what time is left."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("questions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("questions", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(result: Evaluation) -> None:
    """Print the figures for a person."""
    from rich.table import Table

    console = stdout()
    table = Table("metric", box=None, pad_edge=False)
    table.add_column("value", justify="right")
    table.add_column("95 % interval")
    table.add_column("n", justify="right")
    table.add_column("failed", justify="right")
    for name, own in result.metrics.items():
        value = "none" if own.value is None else f"{own.value:.4f}"
        interval = "" if own.low is None or own.high is None else f"{own.low:.4f} to {own.high:.4f}"
        table.add_row(name, value, interval, str(own.n), str(own.n_failed) if own.n_failed else "")
    of = one_line(result.questions.name)
    console.print(f"{len(result.questions)} questions of {of}, judged by {result.level}, k = {result.k}\n")
    console.print(table)
    for reason, metrics in _reasons(result).items():
        console.print(f"{', '.join(metrics)}: {one_line(reason)}", style="yellow")
    errors = stderr()
    for problem in result.questions.problems:
        errors.print(f"question file: {one_line(problem)}", style="yellow")


def _reasons(result: Evaluation) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, own in result.metrics.items():
        if own.reason:
            found.setdefault(own.reason, []).append(name)
    return found
