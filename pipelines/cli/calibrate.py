"""``rag calibrate``: fit the support below which the bot abstains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import ExtraMissing, InvalidInput
from rag.store import address

from ..plain_text import one_line
from . import exit_codes
from .evaluate import progress
from .options import Json, KnowledgeBasePath, Wait
from .output import print_json, stderr, stdout
from .pipeline_options import PipelineOptions, with_pipeline

if TYPE_CHECKING:
    from rag.generation.calibration import CurvePoint

    from ..evaluation.calibration import Report


@with_pipeline
def command(
    kb: KnowledgeBasePath,
    questions: Annotated[
        str,
        typer.Argument(
            metavar="QUESTIONS",
            help="A .jsonl, .csv, .parquet or SQuAD .json file, beir:DIR or datasets:DIR, with answers.",
        ),
    ],
    pipeline: PipelineOptions,
    sample: Annotated[int | None, typer.Option(metavar="N", min=1, help="Ask a seeded sample of N questions.")] = None,
    wrong_cost: Annotated[
        float, typer.Option(metavar="X", min=0.0, help="Cost of a wrong answer; a right one gains 1.")
    ] = 0.5,
    risk: Annotated[
        float | None,
        typer.Option(
            metavar="0..1", min=0.0, max=1.0, help="Answer as many questions as this share of wrong answers allows."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the curve, store nothing.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the stored threshold instead; asks nothing.")] = False,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the curve of risk and coverage.")
    ] = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Fit the threshold below which answers are withheld, and store it. Takes questions with known answers."""
    from rag.bot import Bot
    from rag.evaluation import read_questions
    from rag.knowledge_base import KnowledgeBase

    from ..evaluation.calibration import calibrate, keep, name_of

    if reset:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base, Bot(base, config=pipeline.of(base)) as bot:
            keep(base, name_of(bot), None)
        return exit_codes.OK
    wanted = read_questions(questions, unanswerable=_has_unanswerable(questions))
    wanted = wanted if sample is None else wanted.sample(sample)
    with KnowledgeBase.open(kb) as base:
        config = pipeline.of(base)
        # Every answer is judged, also those that the threshold will withhold.
        with Bot(base, config=config.with_(threshold=0.0), calibrated=False) as bot, progress(json) as told:
            report = calibrate(bot, wanted, wrong_cost=wrong_cost, risk=risk, threshold=config.threshold, progress=told)
            name = name_of(bot)
    stored = not dry_run and report.worth_storing
    if stored:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
            keep(base, name, report.fitted.calibration)
    if picture is not None:
        _draw(report, picture)
    if json:
        ran = {"pipeline": {"digest": config.digest}}
        print_json({**_form(report, name, wanted.remarks, stored=stored), **ran})
    else:
        _show(report, name, kb, wanted.remarks, stored=stored)
    kept = stored or dry_run
    return exit_codes.OK if kept and not report.failed else exit_codes.SOME_FILES_FAILED


def _has_unanswerable(questions: str) -> bool:
    return questions.startswith("beir:") and (Path(questions.removeprefix("beir:")) / "unanswerable.jsonl").exists()


def at(curve: list[CurvePoint], coverage: float) -> CurvePoint:
    """Return the point of a curve nearest to a coverage."""
    return min(curve, key=lambda point: abs(point.coverage - coverage))


def _form(report: Report, name: str, problems: Sequence[str], *, stored: bool) -> dict[str, object]:
    fitted = report.fitted
    return {
        "generator": name,
        "questions": report.asked,
        "unanswerable": report.unanswerable,
        "unjudged": report.unjudged,
        "failed": report.failed,
        "right": fitted.calibration.right,
        "answered_before": report.before,
        "answered_after": report.after,
        "unanswerable_answered_before": report.lost_before,
        "unanswerable_answered_after": report.lost_after,
        "copied": report.copied,
        "warnings": list(report.warnings),
        "threshold": fitted.calibration.threshold,
        "auroc": fitted.auroc,
        "curve": [point._asdict() for point in fitted.curve],
        "stored": stored,
        "problems": list(problems),
    }


def _show(report: Report, name: str, kb: str, problems: Sequence[str], *, stored: bool) -> None:
    from rich.table import Table

    console, fitted = stdout(), report.fitted
    of = f"{report.asked} questions, {report.unanswerable} of them without an answer"
    console.print(f"{of}; {fitted.calibration.right:.0%} answered rightly if nothing is withheld; {one_line(name)}")
    if report.unjudged:
        console.print(f"{report.unjudged} questions left out: no answer, span or document is known", style="yellow")
    for problem in problems:
        stderr().print(f"left out: {one_line(problem)}", style="yellow", soft_wrap=True)
    if report.failed:
        stderr().print(f"{report.failed} questions failed and are left out", style="yellow")
    table = Table("coverage", "risk", "support from", box=None, pad_edge=False)
    shown = list(dict.fromkeys(at(fitted.curve, share / 10) for share in range(1, 11)))
    for point in shown:
        table.add_row(f"{point.coverage:.2f}", f"{point.risk:.3f}", f"{point.threshold:.3f}")
    console.print()
    console.print(table)
    threshold = fitted.calibration.threshold
    chosen = _chosen(report)
    console.print(f"\nAUROC of support for a right answer {fitted.auroc:.3f}, each question judged without itself.")
    if chosen is None:
        console.print("No threshold is worth it: at every one, more is lost than gained. All answers are withheld.")
    else:
        console.print(f"Threshold {threshold:.3f}: {chosen.coverage:.0%} answered, {chosen.risk:.1%} of them wrong.")
    _say_shares(report)
    where = one_line(address.shown(kb))
    console.print(f"Stored with {where}; `rag ask {where}` uses it." if stored else "Nothing stored.", style="dim")


def _say_shares(report: Report) -> None:
    """Say whom the threshold silences."""
    said = f"Without a calibration {report.before:.0%} of the answerable questions are answered, "
    said += f"with it {report.after:.0%}"
    if report.lost_before is not None and report.lost_after is not None:
        said += f"; of the unanswerable ones {report.lost_before:.0%} and {report.lost_after:.0%}"
    stdout().print(f"{said}.", soft_wrap=True)
    for warning in report.warnings:
        stderr().print(f"warning: {one_line(warning)}", style="yellow", soft_wrap=True)


def _chosen(report: Report) -> CurvePoint | None:
    """Return the point of the curve at the threshold; None if it withholds everything."""
    kept = [point for point in report.fitted.curve if point.threshold >= report.fitted.calibration.threshold]
    return max(kept) if kept else None


def _draw(report: Report, path: Path) -> None:
    """Draw risk over coverage as a picture for a browser or a report."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraMissing("pictures need matplotlib: pip install 'rag-workbench[benchmark]'") from error

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([p.coverage for p in report.fitted.curve], [p.risk for p in report.fitted.curve], drawstyle="steps-pre")
    if (chosen := _chosen(report)) is not None:
        axes.plot(chosen.coverage, chosen.risk, "o", color="C3")
        axes.annotate(
            f"threshold {report.fitted.calibration.threshold:.2f}",
            (chosen.coverage, chosen.risk), (0, -16), textcoords="offset points", ha="center", color="C3",
        )  # fmt: skip
    axes.set(
        xlabel="coverage: share of questions answered", ylabel="risk: share of wrong answers", xlim=(0, 1), ylim=(0, 1)
    )
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot write the picture {path}: {error}") from error
