"""``rag tune --retriever``: the fusion and weight that suit a user's own questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import InvalidInput

from . import exit_codes
from .evaluate import progress
from .output import one_line, print_json, stderr, stdout

if TYPE_CHECKING:
    from ..tuning.retriever_tuner import RetrieverReport

_SHOWN = 8


def run(kb: Path, questions: str, *, metric: str, folds: int, sample: int, seed: int, json: bool) -> int:
    """Tune on judged questions and say what to search with."""
    from rag.evaluation import read_questions
    from rag.evaluation.ranking import is_ranking_metric
    from rag.knowledge_base import KnowledgeBase

    from ..tuning.retriever_tuner import tune_retriever

    if not is_ranking_metric(metric):
        raise InvalidInput(f"--by {metric!r} is no ranking metric; give one such as nDCG@10, RR or R@10")
    wanted = read_questions(questions).sample(sample, seed=seed)
    with KnowledgeBase.open(kb) as base, progress(json) as told:
        report = tune_retriever(base, wanted, metric=metric, folds=folds, seed=seed, progress=told)
    if json:
        print_json(report.as_dict())
    else:
        _show(report, kb)
        for problem in wanted.problems:
            stderr().print(f"question file: {one_line(problem)}", style="yellow")
    return exit_codes.OK


def _show(report: RetrieverReport, kb: Path) -> None:
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
        f"\nOn questions that were left aside when choosing: {report.tuned:.4f}, the default {report.default:.4f}: "
        f"{own.difference:+.4f}{sure}",
        soft_wrap=True,
    )
    picked = {str(setting) for setting, _ in report.folds}
    if len(picked) > 1:
        console.print(f"The folds chose {len(picked)} different settings.", style="dim")
    if report.pays:
        console.print(f"Search with: rag search {kb} QUESTION {report.advised}", style="bold", soft_wrap=True)
    else:
        console.print("Keep the default: nothing tried is better beyond chance.", style="bold")
