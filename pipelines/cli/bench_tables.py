"""Benchmark results as terminal tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..plain_text import one_line
from .output import megabytes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..benchmark.answers import AnswerCosts
    from ..benchmark.bot_load import BotLoad
    from ..benchmark.compare import RunComparison
    from ..benchmark.prices import MachinePrices
    from ..benchmark.results import Row

_WIDE = 110
_PIPED = 200
_FILTERED = {"random": "filter", "near": "near", "far": "far"}


def show_rows(rows: Sequence[Row], console: Console, prices: MachinePrices | None = None) -> None:
    """Print all configurations, grouped by engine, and the failures."""
    from ..benchmark.findings import mixed, real
    from ..benchmark.pareto import speed_front
    from ..benchmark.results import good

    figures = sorted(good(rows), key=lambda row: (row["engine"], row["memory_bytes"], row["recall"]))
    best = {row["spec"] for row in speed_front(real(figures))}
    if figures:
        _show_figures(figures, best, console, prices)
        console.print("* no other configuration is both better and faster", style="dim")
        for note in sorted({row["note"] for row in figures if row["note"]}):
            console.print(f"† {note}", style="dim")
        _show_extras(figures, console)
    for note in mixed(rows):
        console.print(one_line(note), style="yellow")
    for row in rows:
        if row["error"]:
            console.print(f"failed: {row['spec']}: {one_line(row['error'])}", style="red")


def table_of(console: Console, first: str, figures: Sequence[str]) -> Table:
    """Return an empty table whose figures are never cut off: in a narrow terminal the first column is folded."""
    from rich.table import Table

    if not console.is_terminal:
        console.width = _PIPED
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _show_figures(rows: Sequence[Row], best: Collection[str], console: Console, prices: MachinePrices | None) -> None:
    from ..benchmark.findings import spread

    wide = not console.is_terminal or console.width >= _WIDE
    more = ["spread", "p50 ms"] if wide else []
    headings = [f"recall@{rows[0]['k']}", "queries/s", *more, "p99 ms", "build s", "memory"]
    headings += [prices.heading] if prices else []
    table = table_of(console, "configuration", headings)
    for row in rows:
        mark = "* " if row["spec"] in best else "  "
        cells = [
            f"{row['recall']:.4f}",
            f"{row['qps']:,.0f}",
            *([spread(row), f"{row['p50_ms']:.3f}"] if wide else []),
            f"{row['p99_ms']:.3f}",
            f"{row['build_s']:.2f}",
            megabytes(row["memory_bytes"]),
            *([f"{prices.per_million(row):.3g}"] if prices else []),
        ]
        table.add_row(mark + row["spec"] + (" †" if row["note"] else ""), *cells, style="bold" * (mark == "* "))
    console.print(table)


def _show_extras(rows: Sequence[Row], console: Console) -> None:
    """Print the optional measurements: threads, filters, changes."""
    first = rows[0]
    names = [f"{t} thread{'s' * (t != '1')}" for t in first["threads"] if t != str(first["threads_asked"][0])]
    names += [f"{_FILTERED[each.get('kind', 'random')]} {each['share']:g}" for each in first["filters"]]
    if first.get("ood"):
        names += ["out of distribution", "gap"]
    if first.get("load"):
        names += [name for series in first["load"]["series"] for name in _load_names(series)]
    if first["churn_asked"] is not None:
        names += ["after churn", "adds/s", "removes/s"]
    if not names:
        return
    table = table_of(console, "configuration", names)
    for row in rows:
        table.add_row(row["spec"], *_extra_cells(row))
    console.print()
    console.print(table)
    about = "threads: queries/s; filter, out of distribution, after churn: recall and queries/s"
    console.print(about, style="dim")


def _load_names(series: Mapping[str, Any]) -> list[str]:
    writes = f", {series['writes']:.0%} writes" if series["writes"] else ""
    return [f"keeps up to{writes}", "p99 ms there"]


def _extra_cells(row: Row) -> list[str]:
    from ..benchmark.load import written

    cells = [f"{qps:,.0f}" for t, qps in row["threads"].items() if t != str(row["threads_asked"][0])]
    cells += [f"{each['recall']:.3f} {each['qps']:,.0f}" for each in row["filters"]]
    if ood := row.get("ood"):
        cells += [f"{ood['recall']:.3f} {ood['qps']:,.0f}", f"{ood['gap']:+.3f}"]
    for series in (row.get("load") or {"series": []})["series"]:
        last = next((step for step in series["steps"] if step["rate"] == series["keeps_up_to"]), None)
        cells += (
            ["none", "-"]
            if last is None
            else [f"{written(last['rate'])}/s", "-" if last["p99_ms"] is None else f"{last['p99_ms']:.2f}"]
        )
    churn = row["churn"]
    if churn is not None and churn.get("error"):
        cells += ["failed", "", ""]
    elif churn is not None:
        after = f"{churn['recall']:.3f} {churn['qps']:,.0f}"
        cells += [after, f"{churn['adds_per_s']:,.0f}", f"{churn['removes_per_s']:,.0f}"]
    return cells


def show_bot_load(bot: BotLoad, console: Console) -> None:
    """Print how the bot bears a load."""
    from ..benchmark.load import written

    headings = ["offered/s", "requests", "kept up", "p50 ms", "p99 ms", "write p99 ms"]
    table = table_of(console, "the bot under load", headings)
    for series in bot.figures["series"]:
        for step in series["steps"]:
            kind = f"{series['writes']:.0%} writes" if series["writes"] else "reads only"
            kept = "yes" if step["kept_up"] else "no"
            figures = (
                "-" if step[name] is None else f"{step[name]:,.1f}" for name in ("p50_ms", "p99_ms", "write_p99_ms")
            )
            table.add_row(kind, written(step["rate"]), f"{step['n']:,}", kept, *figures)
    console.print()
    console.print(table)
    console.print(f"{bot.questions}; latency counts from the scheduled arrival", style="dim")


def show_comparison(comparison: RunComparison, console: Console) -> None:
    """Print the differences between two runs."""
    for note in comparison.notes:
        console.print(one_line(note), style="yellow")
    table = table_of(console, "configuration", ("recall", "queries/s", "p99", "memory", "build"))
    table.add_column("")
    for each in comparison.differences:
        p = "" if each.recall_p is None else f" (p {each.recall_p:.2g})"
        recall = "" if each.recall is None else f"{each.recall:+.4f}{p}"
        ratios = ["" if value is None else f"x {value:.2f}" for value in (each.qps, each.p99, each.memory, each.build)]
        style = "red" if "worse" in each.verdict or "slower" in each.verdict else ""
        table.add_row(each.spec, recall, *ratios, each.verdict, style=style)
    console.print(table)
    console.print(
        '"same": the rounds of both overlap; p of a paired t test over the queries, corrected after Holm', style="dim"
    )
    for specs, which in ((comparison.only_first, "first"), (comparison.only_second, "second")):
        if specs:
            console.print(f"only in the {which}: {', '.join(specs)}", style="dim")


def show_answers(costs: AnswerCosts, console: Console) -> None:
    """Print the cost of each index in answers, against exact search."""
    from ..benchmark.answers import HOW, difference, plain

    table = table_of(console, "answers with", [])
    for name in costs.exact:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row("exact search", *map(plain, costs.exact.values()))
    for spec, metrics in costs.by_index.items():
        table.add_row(spec, *(difference(metrics.get(name)) for name in costs.exact))
    console.print()
    console.print(table)
    console.print(
        f"{costs.questions}; difference to exact search, p of a paired permutation test, corrected after Holm; {HOW}",
        style="dim",
    )
