"""``rag bench``: measure indexes; ``rag bench report`` and ``rag bench compare`` read what it wrote."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes, units
from .options import Json, in_folder
from .output import print_json, progress_bar, stderr, stdout, told_if_interrupted
from .pipeline_options import PipelineOptions, with_pipeline_settings

if TYPE_CHECKING:
    from indexes import Metric

    from ..benchmark.answers import AnswerCosts
    from ..benchmark.bot_load import BotLoad
    from ..benchmark.load import Load
    from ..benchmark.results import Row
    from ..benchmark.run import BenchProgress, BenchReport
    from ..benchmark.settings import Settings
    from ..datasets import VectorData

_ANSWERS_SHARE = 0.2
"""Share of the budget kept for asking the bot."""

_BAR_WIDTH = 48
"""Columns taken by the bar, the percentage and the times."""

_DATA = (
    "Knowledge base, .hdf5, .npz, .npy, base.fvecs[,query.fvecs], .fbin, .parquet, idx3-ubyte[.gz], synthetic:100kx128."
)

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
@with_pipeline_settings
def command(
    context: typer.Context,
    pipeline: PipelineOptions,
    data: Annotated[str | None, typer.Option(metavar="DATA", help=_DATA, callback=in_folder)] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.")] = None,
    index: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="Index to measure: flat, hnsw:M=16..48 ...; repeatable.")
    ] = None,
    grid: Annotated[
        str | None, typer.Option(metavar="quick|full", help="Values for what specs leave open; alone: every engine.")
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", help="Neighbours to find.")] = 10,
    threads: Annotated[str, typer.Option(metavar="N,N", help="Numbers of searching threads.")] = "1",
    filter: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(metavar="SHARE,..", help="Also search these shares of the vectors, e.g. 0.01,0.1.")
    ] = None,
    correlated: Annotated[
        bool, typer.Option("--correlated", help="With --filter: also shares near the queries, and far from them.")
    ] = False,
    churn: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Also remove and add this share, then measure again.")
    ] = None,
    load: Annotated[
        str | None,
        typer.Option(
            metavar="RATE,..", help="Also serve requests at these rates a second; auto: up to what it can do."
        ),
    ] = None,
    load_time: Annotated[str, typer.Option(metavar="TIME", help="How long each rate is offered.")] = "2s",
    writes: Annotated[
        float, typer.Option(metavar="SHARE", help="With --load: this share of the requests replaces a vector.")
    ] = 0.0,
    budget: Annotated[str | None, typer.Option(metavar="TIME", help="Stop after this time, e.g. 10m.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out; retry what failed.")] = False,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="cosine, ip or l2, if the data has none.")] = None,
    queries: Annotated[int, typer.Option(metavar="N", help="Maximum number of queries.")] = 1000,
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Questions for a knowledge base; default: made from its chunks.")
    ] = None,
    ood: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Out-of-distribution queries too; own: the data's are such; generated: for synthetic."
        ),
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers/--no-answers", help="For a knowledge base, measure the effect on answers too.")
    ] = True,
    keep_overlap: Annotated[
        bool, typer.Option("--keep-overlap", help="Keep vectors in the base that are also queries.")
    ] = False,
    rounds: Annotated[int, typer.Option(metavar="N", help="Rounds of measurement, engines in turn.")] = 5,
    timeout: Annotated[str, typer.Option(metavar="TIME", help="Limit for a build or a measurement.")] = "10m",
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory limit of an engine, e.g. 8GB; default: 80 % of free.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed.")] = 0,
    json: Json = False,
) -> None:
    """Measure indexes on public vector files or your knowledge base: recall, speed, memory and build time."""
    if context.invoked_subcommand is not None:
        return
    if data is None or out is None:
        raise InvalidInput("give --data and --out, for example: rag bench --data kb/ --grid quick --out results/")
    from ..benchmark.settings import Settings
    from ..datasets import open_vectors
    from ..datasets.knowledge_base import is_knowledge_base

    settings = Settings(
        k=k,
        threads=units.numbers(threads, "--threads", int),
        filters=units.numbers(filter, "--filter", float),
        correlated=correlated,
        churn=churn,
        load=_load(load, load_time, writes, units.numbers(threads, "--threads", int)),
        rounds=rounds,
        seed=seed,
        timeout=units.seconds(timeout, "--timeout"),
        memory=None if memory is None else units.n_bytes(memory, "--memory"),
        budget=None if budget is None else units.seconds(budget, "--budget"),
    )
    start, total = time.monotonic(), math.inf if settings.budget is None else settings.budget
    vectors = open_vectors(
        data,
        metric=cast("Metric | None", metric),
        n_queries=queries,
        keep_overlap=keep_overlap,
        questions=None if questions is None else str(questions),
        ood=ood,
        seed=seed,
    )
    asking = answers and is_knowledge_base(Path(data))
    if settings.budget is not None:
        share = 1 - _ANSWERS_SHARE if asking else 1.0
        settings = replace(settings, budget=share * total - (time.monotonic() - start))
    costs = None
    with told_if_interrupted(f"Finished rows are kept in {out}; --resume continues after them."):
        report, missing = _bench(vectors, index, grid, settings, out, resume=resume, json=json)
        if asking and report.rows:
            left = total - (time.monotonic() - start)
            costs = _answers(Path(data), pipeline, questions, out, seed=seed, seconds=left, json=json)
        bot = None
        in_time = time.monotonic() - start < total
        if settings.load is not None and in_time and report.rows and is_knowledge_base(Path(data)):
            bot = _bot_load(Path(data), pipeline, questions, out, settings.load, seed=seed, json=json)
    if json:
        found = {**asdict(report), "rows": [_short(row) for row in report.rows]}
        told = {
            "out": str(out),
            **found,
            "not_installed": missing,
            "answers": costs and asdict(costs),
            "bot_load": bot and asdict(bot),
        }
        print_json({**told, "pipeline": costs and {"digest": costs.pipeline["digest"]}})
    if any(row["error"] for row in report.rows):
        raise typer.Exit(exit_codes.SOME_FILES_FAILED)


@app.command("report")
def report(
    results: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of results.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a self-contained page.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the Pareto fronts as .png or .svg.")] = None,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with hour and gigabyte_hour: show the cost.")
    ] = None,
    json: Json = False,
) -> int:
    """Show the results of a run as a table, a page or a picture."""
    from ..benchmark.answers import load
    from ..benchmark.bot_load import load_saved
    from ..benchmark.pictures import pareto_picture
    from ..benchmark.prices import MachinePrices
    from ..benchmark.report import report_page
    from ..benchmark.results import good, read
    from ..reports.pages import write_page

    rows, paid = read(results), None if prices is None else MachinePrices.read(prices)
    if html is not None:
        write_page(html, report_page(rows, load(results), paid, load_saved(results)))
    if png is not None:
        pareto_picture(good(rows), png)
    if json:
        costs = {} if paid is None else {row["spec"]: paid.per_million(row) for row in good(rows)}
        print_json([{**row, "cost_per_million": costs[row["spec"]]} if row["spec"] in costs else row for row in rows])
    elif html is None and png is None:
        from .bench_tables import show_answers, show_bot_load, show_rows

        show_rows(rows, stdout(), paid)
        if (answers := load(results)) is not None:
            show_answers(answers, stdout())
        if (bot := load_saved(results)) is not None:
            show_bot_load(bot, stdout())
    for path in (html, png):
        if path is not None:
            stderr().print(f"wrote {path}", soft_wrap=True)
    return exit_codes.OK


@app.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of results.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Folder of results of the same data.")],
    json: Json = False,
) -> int:
    """Compare two runs on the same data: what is better or worse in B than in A, and what is noise."""
    from ..benchmark.compare import compare as compare_rows
    from ..benchmark.results import read

    comparison = compare_rows(read(first), read(second))
    if json:
        print_json(asdict(comparison))
    else:
        from .bench_tables import show_comparison

        show_comparison(comparison, stdout())
    return exit_codes.OK


def _load(rates: str | None, seconds: str, writes: float, threads: tuple[int, ...]) -> Load | None:
    """Return the load that the options ask for; as many threads serve as the greatest number of --threads."""
    from ..benchmark.load import Load

    if rates is None:
        if writes:
            raise InvalidInput(f"--writes {writes:g} goes with --load: give rates, or --load auto")
        return None
    given = () if rates.strip() == "auto" else units.numbers(rates, "--load", float)
    if not given and rates.strip() != "auto":
        raise InvalidInput("--load is empty: give rates such as 100,200,400, or auto")
    return Load(
        rates=given, seconds=units.seconds(seconds, "--load-time"), servers=max(threads, default=1), writes=writes
    )


def _short(row: Row) -> Row:
    """Return a row without its per-query figures, which are in the file."""
    return {name: value for name, value in row.items() if name != "found_per_query"}


def _bench(
    data: VectorData,
    specs: list[str] | None,
    grid_name: str | None,
    settings: Settings,
    out: Path,
    *,
    resume: bool,
    json: bool,
) -> tuple[BenchReport, dict[str, str]]:
    """Measure and show the rows; also return the engines that are not installed, with the reason."""
    from ..benchmark.run import run
    from ..benchmark.sweep import checked_grid, installed, plan

    console = stderr()
    usable, missing = installed(data.dim)
    wanted = checked_grid(grid_name) if grid_name else None if specs else "quick"
    tasks = plan(specs or usable, wanted)
    for task in tasks:
        if task.engine in missing:
            from indexes import EngineMissing

            raise EngineMissing(missing[task.engine])
    if not json:
        console.print(f"{data.name}: {len(data):,} vectors of {data.dim}, {len(data.queries):,} queries, {data.metric}")
        if data.ood is not None:
            console.print(f"  {len(data.ood):,} out-of-distribution queries: {one_line(data.ood_name)}", style="dim")
        for note in data.notes:
            console.print(f"  {one_line(note)}", style="dim")
        if not specs:
            for why in missing.values():
                console.print(f"  left out: {one_line(why)}", style="yellow")
    with steps_bar(show=not json) as on_progress:
        report = run(data, tasks, out, settings, resume=resume, on_progress=on_progress)
    if not json:
        _show(report, out)
    return report, missing


def _show(report: BenchReport, out: Path) -> None:
    from .bench_tables import show_rows

    console = stderr()
    show_rows(report.rows, stdout())
    done = f"{report.measured} configurations in {report.seconds:.0f} s"
    after = f"; results in {out}. Next: rag bench report {out} --html report.html" if report.rows else ""
    console.print(done + after, style="dim")
    if n_failed := sum(row["error"] is not None for row in report.rows):
        console.print(f"{n_failed} failed; --resume retries them.", style="yellow")
    if report.left:
        console.print(f"Time was up: {len(report.left)} are left; --resume continues.", style="yellow")
    if report.cut:
        console.print(f"Not enough time to build: {', '.join(report.cut)}", style="yellow")


def _answers(
    path: Path,
    pipeline: PipelineOptions,
    questions: Path | None,
    out: Path,
    *,
    seed: int,
    seconds: float,
    json: bool,
) -> AnswerCosts | None:
    """Ask the bot with the best indexes and with exact search, and save the figures beside the others."""
    from rag.knowledge_base import KnowledgeBase

    from ..benchmark.answers import answer_costs, configurations, questions_for
    from ..benchmark.results import read
    from ..benchmark.run import BenchProgress

    specs = configurations(read(out))
    if not specs:
        return None
    with KnowledgeBase.open(path) as kb, steps_bar(show=not json) as update:

        def tell(done: int, total: int, spec: str) -> None:
            if update is not None:
                update(BenchProgress(done, total, f"asking the bot with {spec}"))

        asked = questions_for(kb, questions, seed=seed)
        config = pipeline.of(kb)
        costs = answer_costs(kb, asked, specs, config=config, seed=seed, seconds=seconds, on_progress=tell)
    costs.save(out)
    if not json:
        from .bench_tables import show_answers

        show_answers(costs, stdout())
        if costs.left:
            stderr().print(
                f"Time was up: the bot was not asked with {len(costs.left)} of {len(specs)} indexes.", style="yellow"
            )
    return costs


def _bot_load(
    path: Path, pipeline: PipelineOptions, questions: Path | None, out: Path, load: Load, *, seed: int, json: bool
) -> BotLoad:
    """Let the bot answer under load, and save the figures beside the others."""
    from rag.knowledge_base import KnowledgeBase

    from ..benchmark.answers import questions_for
    from ..benchmark.bot_load import bot_under_load
    from ..benchmark.run import BenchProgress

    with KnowledgeBase.open(path) as kb, steps_bar(show=not json) as update:
        asked = questions_for(kb, questions, seed=seed)
        texts = [question.text for question in asked.questions]
        steps = itertools.count()

        def tell(doing: str) -> None:
            if update is not None:
                update(BenchProgress(next(steps), load.n_steps, doing))

        config = pipeline.of(kb)
        figures = bot_under_load(path, texts, asked.name, config=config, load=load, scratch=out, seed=seed, tell=tell)
    figures.save(out)
    if not json:
        from .bench_tables import show_bot_load

        show_bot_load(figures, stdout())
    return figures


@contextmanager
def steps_bar(*, show: bool) -> Iterator[Any]:
    """Show a progress bar with the time left, on a terminal only."""
    with progress_bar(show, "bar", "share", "elapsed", "left:", "left", "{task.description}") as update:

        def tell(progress: BenchProgress) -> None:
            doing = one_line(progress.doing, max(10, stderr().width - _BAR_WIDTH))
            if update is not None:
                update(total=progress.total, completed=progress.done, description=doing)

        yield None if update is None else tell
