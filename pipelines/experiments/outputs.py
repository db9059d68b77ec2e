"""What other tools of the field take over: TREC runs and judgments of each row, every value, a table for LaTeX."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput
from rag.evaluation.trec import write_qrels, write_run

from .results import Result, put, table_text

if TYPE_CHECKING:
    from rag.evaluation import Evaluation

RUNS = "runs"
RUN, QRELS, NONE = "run.trec", "qrels.trec", "no_run.txt"


def write_trec(result: Evaluation, folder: Path) -> None:
    """Write what was ranked and what is right, as it was judged; why not, where an id cannot stand in such a file."""
    qrels = {q: case.gold for q, case in result.cases.items() if case.gold}
    ranked = {q: own for q, own in result.run().items() if q in qrels and own}
    try:
        write_qrels(folder / QRELS, qrels)
        write_run(folder / RUN, ranked)
    except InvalidInput as error:
        for name in (RUN, QRELS):
            (folder / name).unlink(missing_ok=True)
        (folder / NONE).write_text(f"{error}\n", encoding="utf-8", errors="replace")


def copy_trec(scores: Path, out: Path, name: str) -> str:
    """Copy a row's run and judgments from its stage into the results; return why there are none, or an empty text."""
    if (scores / NONE).exists():
        return (scores / NONE).read_text(encoding="utf-8").strip()
    out.mkdir(exist_ok=True)
    for own, end in ((RUN, "trec"), (QRELS, "qrels")):
        shutil.copyfile(scores / own, out / f"{name}.{end}")
    return ""


def write_tables(result: Result, folder: Path) -> None:
    """Write every value as CSV and JSONL, and the leaderboard for LaTeX."""
    every = list(values(result))
    put(folder / "values.csv", table_text(every))
    put(folder / "values.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in every))
    put(folder / "leaderboard.tex", latex(result))


def values(result: Result) -> Iterator[dict[str, Any]]:
    """Yield the value of every metric of every question under every configuration; None where there is none."""
    for row in result.rows:
        if row.name not in result.saved:
            continue
        saved = result.saved[row.name]
        found = {metric: saved.values(metric) for metric in saved.scores}
        for question in dict.fromkeys(q for own in saved.scores.values() for q in own):
            line = {"configuration": row.name, "question": question, "text": result.texts.get(question, "")}
            yield {**line, **{metric: own.get(question) for metric, own in found.items()}}


def latex(result: Result) -> str:
    """Return the leaderboard as a ``tabular`` for the package booktabs; the best figure of each metric is bold."""
    varied = list(result.card["varied"]) or ["configuration"]
    rows = [row for row in result.leaderboard() if not row.error]
    metrics = list(dict.fromkeys([result.metric, *(name for row in rows for name in row.metrics)]))
    best = {name: _best(result, name) for name in metrics}
    lines = [
        f"% {_tex(result.card['name'])}: {_tex(_note(result))}",
        rf"\begin{{tabular}}{{{'l' * len(varied)}{'r' * len(metrics)}}}",
        r"\toprule",
        " & ".join(map(_tex, [*varied, *metrics])) + r" \\",
        r"\midrule",
    ]
    for row in rows:
        parts = [_tex(_shown(row.parts.get(part, row.name))) for part in varied]
        cells = []
        for name in metrics:
            own = row.metrics.get(name)
            value = None if own is None else own.value
            text = "--" if value is None else f"{value:.4f}"
            cells.append(rf"\textbf{{{text}}}" if row.sound and value is not None and value == best[name] else text)
        compared = result.comparisons.get(row.name)
        mark = r"$^{*}$" if compared is not None and compared.significant else ""
        mark += r"$^{\dagger}$" if row.failed else ""
        lines.append(" & ".join([*parts, cells[0] + mark, *cells[1:]]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _note(result: Result) -> str:
    said = f"* differs from the baseline ({result.baseline.name}) in {result.metric}, p < .05 after Holm's correction"
    return said + ("; a dagger marks rows that rest on failures" if any(row.failed for row in result.rows) else "")


def _best(result: Result, metric: str) -> float | None:
    found = [
        own.value for row in result.rows if row.sound and (own := row.metrics.get(metric)) and own.value is not None
    ]
    return (min if result.lower_is_better(metric) else max)(found, default=None)


def _shown(value: object) -> str:
    return "(default)" if value is None else str(value)


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(each, each) for each in " ".join(str(text).split()))


_SPECIAL = {
    **{each: f"\\{each}" for each in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
