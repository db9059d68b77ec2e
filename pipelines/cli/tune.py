"""``rag tune``: find the index that is fastest within limits, and let the knowledge base search by it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

import typer

from indexes.scratch import scratch_folder
from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes, units
from .bench import steps_bar
from .evaluate import progress
from .options import Json, Wait, in_folder
from .output import megabytes, print_json, stderr, stdout, told_if_interrupted
from .pipeline_options import PipelineOptions, with_pipeline_settings

if TYPE_CHECKING:
    from rich.console import Console

    from indexes import Metric

    from ..tuning.constraints import Miss
    from ..tuning.retriever_tuner import RetrieverReport
    from ..tuning.trial import Trial
    from ..tuning.tuner import TuneReport

_ROUND_SECONDS = 0.05

_MISSED: dict[str, Callable[[Miss], str]] = {
    "recall": lambda miss: f"recall {miss.value:.3f}, not {miss.limit:g}",
    "max-memory": lambda miss: f"{megabytes(miss.value)} of memory, not {megabytes(miss.limit)}",
    "max-p99": lambda miss: f"p99 of {1000 * miss.value:.3g} ms, not {1000 * miss.limit:.3g} ms",
    "min-adds": lambda miss: f"{miss.value:,.0f} additions a second, not {miss.limit:,.0f}",
}
"""The limit that a configuration misses, in words."""


@with_pipeline_settings
def command(
    pipeline: PipelineOptions,
    data: Annotated[
        str,
        typer.Argument(
            metavar="KB", help="Knowledge base, or vectors as `rag bench --data` takes.", callback=in_folder
        ),
    ],
    recall: Annotated[
        float, typer.Option(metavar="SHARE", help="Find at least this share of the true neighbours.")
    ] = 0.95,
    max_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Limit on the index's memory, e.g. 200MB.")
    ] = None,
    max_p99: Annotated[
        str | None, typer.Option(metavar="TIME", help="Limit on the 99th percentile of single searches, e.g. 5ms.")
    ] = None,
    min_adds: Annotated[
        float | None, typer.Option(metavar="N", help="Add at least this many vectors a second.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Store the result with the knowledge base.")] = False,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after this time and choose among the trials, e.g. 5m.")
    ] = None,
    index: Annotated[
        list[str] | None, typer.Option(metavar="ENGINE", help="Search among these engines only; repeatable.")
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="Neighbours to find.")] = 10,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Questions to ask with; else made from the chunks.")
    ] = None,
    queries: Annotated[int, typer.Option(metavar="N", help="Use at most this many queries.")] = 1000,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="cosine, ip or l2; for files.")] = None,
    keep_overlap: Annotated[bool, typer.Option("--keep-overlap", help="Keep queries that are in the base.")] = False,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Time limit of a build or a measurement.")] = "10m",
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory limit of an engine while it works.")
    ] = None,
    retriever: Annotated[
        str | None,
        typer.Option(metavar="QUESTIONS", help="Judged questions, as `rag evaluate` takes: tune the fusion instead."),
    ] = None,
    by: Annotated[str, typer.Option(metavar="METRIC", help="Metric that --retriever maximises.")] = "nDCG@10",
    folds: Annotated[int, typer.Option(metavar="N", min=2, help="Parts of --retriever's cross-validation.")] = 5,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed.")] = 0,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Find the fastest index within limits of recall, memory and latency. --retriever tunes the fusion instead."""
    if retriever is not None:
        chosen = _Choice(by, folds, queries, seed)
        return _run_retriever(Path(data), pipeline, retriever, chosen, apply=apply, wait=wait, json=json)
    from ..benchmark.settings import Settings
    from ..datasets import open_vectors
    from ..datasets.knowledge_base import is_knowledge_base
    from ..tuning.applying import apply as apply_to
    from ..tuning.constraints import Constraints
    from ..tuning.tuner import Tuner

    constraints = Constraints(
        recall=recall,
        max_memory=None if max_memory is None else units.n_bytes(max_memory, "--max-memory"),
        max_p99=None if max_p99 is None else units.seconds(max_p99, "--max-p99"),
        min_adds=min_adds,
    )
    settings = Settings(
        k=k,
        seconds=_ROUND_SECONDS,
        churn=None if min_adds is None else 0.05,
        seed=seed,
        timeout=units.seconds(timeout, "--timeout"),
        memory=None if memory is None else units.n_bytes(memory, "--memory"),
        budget=None if budget is None else units.seconds(budget, "--budget"),
    )
    if apply and not is_knowledge_base(Path(data)):
        raise InvalidInput(f"--apply changes a knowledge base, and {data} is none")
    start = time.monotonic()
    vectors = open_vectors(
        data,
        metric=cast("Metric | None", metric),
        n_queries=queries,
        keep_overlap=keep_overlap,
        questions=None if questions is None else str(questions),
        seed=seed,
    )
    if settings.budget is not None:
        settings = replace(settings, budget=settings.budget - (time.monotonic() - start))
    engines = _engines(index, vectors.dim)
    kept = "Nothing was changed; the search begins anew next time. --budget TIME chooses among what was tried by then."
    with (
        told_if_interrupted(kept),
        scratch_folder("rag-tune-") as folder,
        steps_bar(show=not json) as on_progress,
    ):
        report = Tuner(vectors, constraints, settings, folder, on_progress=on_progress).run(engines)
    if not json:
        _show(report, stdout())
    now = None
    try:
        if apply and report.chosen:
            now = apply_to(Path(data), report.chosen.spec, wait=wait)
    finally:  # what was found is told even where it cannot be applied, because another process is writing
        if json:
            print_json({**report.as_dict(), "applied": now})
        elif now:
            stdout().print(f"{data} is now searched by: {', '.join(now)}", soft_wrap=True)
        elif report.chosen and is_knowledge_base(Path(data)):
            _say_how(data, report.chosen.spec)
    return exit_codes.OK if report.chosen else exit_codes.NOTHING_FOUND


def _say_how(data: str, spec: str) -> None:
    """Print the command that lets a knowledge base search by ``spec``."""
    from rag.knowledge_base import KnowledgeBase

    from ..tuning.applying import replaced

    with KnowledgeBase.open(data) as kb:
        chosen = [part for other in replaced(kb, spec) for part in ("--index", other)]
    command = shlex.join(["rag", "reindex", data, *chosen])
    stderr().print(f"To use it: {command}", soft_wrap=True, markup=False, highlight=False)


def _engines(wanted: list[str] | None, dim: int) -> list[str]:
    from indexes import EngineMissing
    from indexes.registry import row

    from ..benchmark.sweep import installed

    usable, missing = installed(dim)
    for name in wanted or ():
        if row(name).family != "dense":
            raise InvalidInput(f"--index {name}: an index of terms has nothing to tune here")
        if name in missing:
            raise EngineMissing(missing[name])
    return wanted or usable


def _show(report: TuneReport, console: Console) -> None:
    from .bench_tables import table_of

    table = table_of(console, "tried", ("recall", "queries/s", "p99 ms", "memory", "build s"))
    table.add_column("verdict")
    for each in sorted(report.tried, key=lambda each: -(each.get("qps") or 0.0)):
        known = each.get("qps")
        figures = (
            [f"{known:,.0f}", f"{each['p99_ms']:.2f}", megabytes(each["memory_bytes"]), f"{each['build_s']:.2f}"]
            if known
            else [""] * 4
        )
        table.add_row(each["spec"], f"{each['recall']:.3f}", *figures, one_line(each["verdict"]))
    console.print(table)
    console.print()
    for note in report.notes:
        console.print(one_line(note), style="dim")
    chosen = report.chosen
    if chosen is None:
        near_it = " Nearest to it:" * bool(report.nearest)
        console.print(f"Nothing that was tried meets all constraints.{near_it}", style="yellow")
        for near in report.nearest:
            missed = "; ".join(_MISSED[miss.constraint](miss) for miss in near.missed)
            console.print(f"  {near.spec}: {missed}", soft_wrap=True)
        return
    low, high = report.held_out_interval
    console.print(f"Take {chosen.spec}", style="bold")
    sure = f"95 % interval {low:.3f} to {high:.3f}"
    console.print(f"  recall {chosen.held_out:.4f} on queries held out ({sure}); {_figures(chosen)}")
    if report.runner_up:
        console.print(f"  runner-up: {report.runner_up.spec}: {_figures(report.runner_up)}")
    for cost in report.costs:
        better = (
            f"{cost['spec']} answers {cost['times']:.2f} times as many queries" if cost["spec"] else "nothing faster"
        )
        console.print(f"  {cost['how']}: {better}")
    console.print(f"  found in {report.seconds:.0f} s", style="dim")


def _figures(trial: Trial) -> str:
    row = trial.row
    return (
        f"{row['qps']:,.0f} queries/s, p99 {row['p99_ms']:.2f} ms, {megabytes(row['memory_bytes'])}, "
        f"built in {row['build_s']:.2f} s"
    )


_SHOWN = 8


class _Choice(NamedTuple):
    """How ``--retriever`` chooses."""

    metric: str
    folds: int
    sample: int
    seed: int


def _run_retriever(
    kb: Path,
    pipeline: PipelineOptions,
    questions: str,
    by: _Choice,
    *,
    apply: bool,
    wait: float,
    json: bool,
) -> int:
    """Tune on judged questions, say what to search with, and store it where that is asked for and pays."""
    from rag.evaluation import read_questions
    from rag.evaluation.metrics.ranking import is_ranking_metric
    from rag.knowledge_base import KnowledgeBase

    from ..tuning.retriever_tuner import tune_retriever

    if not is_ranking_metric(by.metric):
        raise InvalidInput(f"--by {by.metric!r} is not a ranking metric; give one such as nDCG@10, RR or R@10")
    wanted = read_questions(questions).sample(by.sample, seed=by.seed)
    with KnowledgeBase.open(kb) as base, progress(json) as told:
        report = tune_retriever(
            base, wanted, config=pipeline.of(base), metric=by.metric, folds=by.folds, seed=by.seed, progress=told
        )
    applied = report.advised.of(report.pipeline) if apply and report.pays else None
    if applied is not None:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
            applied.store(base)
    if json:
        print_json({**report.as_dict(), "applied": applied and {"digest": applied.digest, **applied.changed()}})
    else:
        _show_retriever(report, kb)
        if applied is not None:
            stdout().print(f"Stored: {kb} is searched so from now on.", soft_wrap=True)
        for problem in wanted.remarks:
            stderr().print(f"question file: {one_line(problem)}", style="yellow")
    return exit_codes.OK


def _show_retriever(report: RetrieverReport, kb: Path) -> None:
    from rich.table import Table

    console = stdout()
    table = Table("tried", box=None, pad_edge=False)
    table.add_column(report.metric, justify="right")
    for setting, value in report.tried[:_SHOWN]:
        table.add_row(str(setting), f"{value:.4f}")
    console.print(f"{report.n} questions, {len(report.folds)} folds, {len(report.tried)} settings; the best of them:\n")
    console.print(table)
    own = report.held_out
    sure = "" if own.low is None else f" (95 % interval {own.low:+.4f} to {own.high:+.4f}, p = {own.p:.3g})"
    console.print(
        f"\nOn questions that were left aside when choosing: {report.tuned:.4f}, "
        f"the pipeline as it is {report.default:.4f}: "
        f"{own.difference:+.4f}{sure}",
        soft_wrap=True,
    )
    picked = {str(setting) for setting, _ in report.folds}
    if len(picked) > 1:
        console.print(f"The folds chose {len(picked)} different settings.", style="dim")
    if report.pays:
        console.print(f"Search with: {report.advised}; --apply stores it with {kb}", style="bold", soft_wrap=True)
    else:
        console.print("Keep the pipeline as it is: nothing tried is better beyond chance.", style="bold")
