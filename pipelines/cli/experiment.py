"""``rag experiment``: every combination of parts, measured; ``rag experiment compare``: two such runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import print_json, progress_bar, stderr, stdout, told_if_interrupted

if TYPE_CHECKING:
    from ..experiments import Experiment
    from ..experiments.compare import Compared
    from ..experiments.results import Result
    from ..experiments.runner import OnProgress, Progress

_ROWS_SHOWN = 20


def command(
    what: Annotated[
        list[str], typer.Argument(metavar="FILE.toml | compare A B", help="The experiment; or two folders of results.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results; FILE.results where not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped; refuse to begin a new one.")
    ] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to work in.")] = 1,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report, one file, no network.")] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of finished stages, shared between experiments; default: DIR/cache."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done, and what so many questions can show; do nothing.")
    ] = False,
    mlflow: Annotated[str | None, typer.Option(metavar="URI", help="Also log every row to MLflow.")] = None,
    json: Json = False,
) -> int:
    """Try every combination of values, and say which change helped."""
    if what[0] == "compare":
        if len(what) != 3:
            raise InvalidInput("give two folders of results: rag experiment compare A B")
        return _compare(what[1], what[2], json=json)
    if len(what) != 1:
        raise InvalidInput("give one experiment: rag experiment experiment.toml")
    from ..experiments import Experiment, run
    from ..experiments.report import html as page, markdown
    from ..experiments.results import put
    from ..reports.pages import write_page

    file = Path(what[0])
    experiment = Experiment.read(file)
    folder = out or file.with_suffix(".results")
    if plan:
        return _plan(experiment, folder, cache, json=json)
    kept = f"What is done is kept in {folder}: the same command goes on where it stopped, as with --resume."
    with told_if_interrupted(kept), _progress(quiet=json) as told:
        result = run(experiment, folder, jobs=jobs, resume=resume, cache=cache, on_progress=told)
    put(folder / "report.md", markdown(result))
    if html is not None:
        write_page(html, page(result, command=f"rag experiment {file.name}"))
    if mlflow is not None:
        from ..experiments.tracking import log_to_mlflow

        log_to_mlflow(result, uri=mlflow)
    if json:
        print_json({**result.card, "rows": [row.as_dict() for row in result.leaderboard()]})
    else:
        _show(result, folder, html)
    return exit_codes.SOME_FILES_FAILED if not all(row.sound for row in result.rows) else exit_codes.OK


def _plan(experiment: Experiment, folder: Path, cache: Path | None, *, json: bool) -> int:
    from ..experiments.plan import plan

    found = plan(experiment, folder, cache=cache)
    if json:
        print_json(asdict(found))
        return exit_codes.OK
    console = stdout()
    console.print(f"{found.configurations} configurations, {found.questions} questions")
    for stage, count in found.to_do.items():
        console.print(f"  {stage}: {count} to do, {found.kept[stage]} in the cache")
    for power in found.powers:
        source = "as in the rows that are done" if power.measured else "if differences vary so"
        console.print(
            f"{experiment.measure.metrics[0]}, standard deviation of a question's difference {power.spread:.2f} "
            f"({source}): a paired test at 5 % finds {power.alone:.3f} four times in five, and {power.corrected:.3f} "
            f"after Holm's correction over {found.comparisons} comparisons",
            soft_wrap=True,
        )
    return exit_codes.OK


def _compare(first: str, second: str, *, json: bool) -> int:
    from ..experiments import Result
    from ..experiments.compare import compare_results

    found = compare_results(Result.load(first), Result.load(second))
    if json:
        print_json(asdict(found))
    else:
        _show_compared(found, first, second)
    return exit_codes.OK


@contextmanager
def _progress(*, quiet: bool) -> Iterator[OnProgress | None]:
    with progress_bar(not quiet, "bar", "count", "{task.description}") as update:

        def show(p: Progress) -> None:
            left = f" {_duration(p.left)} left" if p.left and stderr().is_terminal else ""
            kind, _, rest = p.doing.partition(":")
            width = max(20, stderr().width - 34) if stderr().is_terminal else 1000
            said = one_line(f"{kind}{left}: {rest.strip()}", width)
            if update is not None:
                update(completed=p.done, total=p.total, description=said)

        yield None if update is None else show


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _show(result: Result, folder: Path, html: Path | None) -> None:
    from rich.table import Table

    from ..experiments.report import FAILED, effect_rows, finding, leaderboard_table

    console = stdout()
    names, rows = leaderboard_table(result)
    # What people compare by; the files and --json have every metric.
    kept = [at for at, name in enumerate(names) if name in {*result.card["varied"], "configuration", result.metric,
            "95 % interval", "difference", "p", "p Holm", "p50 ms", "MB", FAILED}]  # fmt: skip
    for dropped in (
        set(),
        {"MB"},
        {"MB", "p"},
        {"MB", "p", "95 % interval"},
    ):  # a narrow terminal gets fewer columns, not torn words
        shown = [at for at in kept if names[at] not in dropped]
        table = Table(box=None, pad_edge=False)
        for at in shown:
            table.add_column(names[at], no_wrap=True, justify="left" if at < len(result.card["varied"]) else "right")
        for row in rows[:_ROWS_SHOWN]:
            table.add_row(*[_cell(names[at], row[at]) for at in shown])
        needed = table.__rich_measure__(console, console.options.update(max_width=10_000)).maximum
        if not console.is_terminal:
            console.width = max(console.width, needed)
        if needed <= console.width:
            break
    if rows:
        console.print(table)
    if len(rows) > _ROWS_SHOWN:
        console.print(f"... and {len(rows) - _ROWS_SHOWN} more in {folder / 'results.csv'}", style="dim")
    effects = effect_rows(result)
    if effects:
        console.print("\nWhat each part changes, all else equal:")
        for part, value, against, difference, interval, p, holm, *_ in effects:
            console.print(
                f"  {part}: {value} against {against}  {_cell('difference', difference)}  ({interval}, "
                f"p {_cell('p', p)}, p Holm {_cell('p', holm)})",
                soft_wrap=True,
            )
    _show_problems(result)
    done, cached = (sum(result.card[name].values()) for name in ("stages_done", "stages_from_cache"))
    console.print(f"\n{one_line(finding(result))}", soft_wrap=True)
    where = f"{folder}/report.md" + (f" and {html}" if html is not None else "")
    seconds = result.card["seconds"]
    console.print(f"{done} stages done, {cached} from the cache, {seconds:.1f} s; see {where}", style="dim")


def _show_problems(result: Result) -> None:
    from ..experiments.report import failures

    for error, failed in failures(result).items():
        which = one_line(failed[0]) + (f" and {len(failed) - 1} more" if failed[1:] else "")
        stderr().print(f"failed: {which}: {one_line(error)}", style="yellow", soft_wrap=True)
    for note in result.card.get("notes", ()):
        stderr().print(f"note: {one_line(note)}", style="yellow", soft_wrap=True)
    for problem in result.card["questions"]["problems"]:
        stderr().print(f"question file: {one_line(problem)}", style="yellow", soft_wrap=True)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        forms = {"difference": "+.3f", "p": ".3g", "p Holm": ".3g", "p50 ms": ".2f", "MB": ".1f"}
        return format(value, forms.get(name, ".4f"))
    return one_line(str(value))


def _show_compared(found: Compared, first: str, second: str) -> None:
    console = stdout()
    console.print(f"{found.metric}, {one_line(second)} against {one_line(first)}:")
    for each in found.comparisons:
        p = "" if each.p_corrected is None else f", p {each.p:.3g}, p Holm {each.p_corrected:.3g}"
        console.print(
            f"  {each.difference:+.4f}  {one_line(each.system)}  ({each.wins} wins, {each.ties} ties, "
            f"{each.losses} losses{p})",
            soft_wrap=True,
        )
    for name, own in ((first, found.only_first), (second, found.only_second)):
        if own:
            console.print(f"only in {one_line(name)}: {'; '.join(map(one_line, own))}", style="dim", soft_wrap=True)
    for note in found.notes:
        console.print(f"note: {one_line(note)}", style="yellow")
