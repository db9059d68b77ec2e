"""The HTML report: fronts with tooltips, build times, latencies, all configurations and how they were measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..reports.charts import Bar, Front, Line, bars, fronts, lines
from ..reports.pages import Cell, Html, details, element, facts, page, paragraph, section, table
from .answers import HOW, AnswerCosts, difference, plain
from .bot_load import BotLoad
from .findings import build_spec, builds, colour_numbers, described, engines, fastest, lead, mixed, spread
from .pareto import memory_front, speed_front
from .prices import MachinePrices
from .report_extras import extras
from .report_filters import filtered_search
from .report_load import bot_load, under_load
from .report_ood import out_of_distribution
from .results import Row, good

_LATENCY_RECALL = 0.9


def report_page(
    rows: Sequence[Row],
    answers: AnswerCosts | None = None,
    prices: MachinePrices | None = None,
    bot: BotLoad | None = None,
) -> str:
    """Return the page of a run; see `pipelines.reports.pages.write_page`."""
    figures = sorted(good(rows), key=lambda row: (row["engine"], row["memory_bytes"], row["recall"]))
    first = rows[0]
    data = first["data"]
    parts = [
        *([_speed(figures), _memory(figures), _build(figures), _latency(figures)] if figures else []),
        _answers(answers) if answers is not None else "",
        bot_load(bot) if bot is not None else "",
        out_of_distribution(figures),
        under_load(figures),
        filtered_search(figures),
        extras(figures),
        _table(figures, prices) if figures else "",
        _failed(rows),
        _made_on(first, mixed(rows)),
    ]
    title = f"Indexes on {data['name']}"
    return page(title, *(part for part in parts if part), lead=lead(figures), footer=_footer(rows))


def _speed(rows: Sequence[Row]) -> Html:
    caption = (
        "Up and to the right is better. A line joins the configurations of an engine that none of its others beats."
    )
    return section("Recall and speed", _fronts(rows, "queries/s", lambda row: float(row["qps"]), speed_front, caption))


def _memory(rows: Sequence[Row]) -> Html:
    caption = "Down and to the right is better. Memory is the index's own account, which tests verify."
    chart = _fronts(rows, "memory, MB", lambda row: row["memory_bytes"] / 1e6, memory_front, caption)
    return section("Recall and memory", chart)


def _fronts(
    rows: Sequence[Row], y: str, value: Callable[[Row], float], front: Callable[[list[Row]], list[Row]], caption: str
) -> Html:
    def points(some: Sequence[Row]) -> list[tuple[float, float, str]]:
        return [(float(row["recall"]), value(row), described(row)) for row in some]

    series = []
    for name, colour in colour_numbers(engines(rows)).items():
        own = [row for row in rows if row["engine"] == name]
        series.append(Front(name, points(own), points(front(own)), colour))
    return fronts(series, x=f"recall@{rows[0]['k']}, logit scale", y=y, x_scale="logit", caption=caption)


def _build(rows: Sequence[Row]) -> Html:
    made = sorted(builds(rows), key=lambda row: float(row["build_s"]))
    numbers = colour_numbers(engines(rows))
    shown = [f"{row['build_s']:.2f} s, peak {_mb(row['build_peak_bytes'])}" for row in made]
    caption = "Until the first query is answered, on one thread; the peak is the memory of building beside the data."
    chart = [
        Bar(build_spec(row), row["build_s"], shown=text, colour=numbers[row["engine"]])
        for row, text in zip(made, shown, strict=True)
    ]
    return section("Building", bars(chart, caption=caption))


def _latency(rows: Sequence[Row]) -> Html:
    """Draw the latencies of each engine's fastest configuration of good recall."""
    chosen = [
        row
        for name in engines(rows)
        if (row := fastest([r for r in rows if r["engine"] == name], _LATENCY_RECALL)) is not None
    ]
    if not chosen:
        return Html("")
    numbers = colour_numbers(engines(rows))
    series = [
        Line(row["spec"], [max(float(ms), 1e-6) for ms in row["latency_ms"].values()],
             [float(q) for q in row["latency_ms"]], numbers[row["engine"]])
        for row in chosen
    ]  # fmt: skip
    chart = lines(
        series,
        x="milliseconds, one query at a time",
        y="% of queries",
        log_x=True,
        caption=f"Each engine's fastest configuration with recall of {_LATENCY_RECALL:g} or more.",
    )
    return section("Latency", chart)


def _answers(costs: AnswerCosts) -> Html:
    """Return the cost of each index in answers."""
    names = list(costs.exact)
    rows: list[list[Cell]] = [["exact search", *(plain(costs.exact[name]) for name in names)]]
    for spec, metrics in costs.by_index.items():
        rows.append([spec, *(difference(metrics.get(name)) for name in names)])
    headers = ["index", *(name.replace("_", " ") for name in names)]
    lead_ = (
        f"The bot with each index against the bot with exact search, {costs.questions}; in brackets the mean "
        "difference per question, and p of a paired permutation test, two-sided, corrected after Holm over all indexes "
        f"and metrics; {HOW}."
    )
    if costs.left:
        lead_ += f" Time was up before the bot was asked with {', '.join(costs.left)}."
    return section("What the approximation costs in answers", table(headers, rows), lead=lead_)


def _table(rows: Sequence[Row], prices: MachinePrices | None) -> Html:
    headers = [
        "configuration", f"recall@{rows[0]['k']}", "95 % interval", "by id", "distance error", "queries/s", "spread",
        "one by one", "p50 ms", "p95 ms", "p99 ms", "build s", "memory MB", "resident MB", "build peak MB", "disk MB",
        "load s",
    ]  # fmt: skip
    cells: list[list[Cell]] = [
        [
            row["spec"] + (f" ({row['note']})" if row["note"] else ""), row["recall"],
            "{:.3f} to {:.3f}".format(*row["recall_interval"]), row["recall_by_id"], row["distance_error"],
            round(row["qps"]), spread(row), round(row["qps_one_by_one"]), row["p50_ms"],
            row["p95_ms"], row["p99_ms"], row["build_s"], row["memory_bytes"] / 1e6, _mega(row["resident_bytes"]),
            _mega(row["build_peak_bytes"]), _mega(row["disk_bytes"]), row["load_s"],
        ]
        for row in rows
    ]  # fmt: skip
    if prices is not None:
        headers.append(prices.heading)
        for cell, row in zip(cells, rows, strict=True):
            cell.append(prices.per_million(row))
    return section(
        "Every configuration",
        table(headers, cells),
        lead="Queries/s are of all queries in one call, the median over the rounds; the spread is half of the range. "
        "The distance error is the relative excess distance of the neighbours found.",
    )


def _failed(rows: Sequence[Row]) -> Html:
    failed = [row for row in rows if row["error"]]
    if not failed:
        return Html("")
    return section("What failed", table(["configuration", "why"], [[row["spec"], row["error"]] for row in failed]))


def _made_on(row: Row, mixture: Sequence[str]) -> Html:
    data, machine = row["data"], row["machine"]
    known = {
        "data": f"{data['name']}: {data['n']:,} vectors of {data['dim']}, {data['metric']}",
        "queries": f"{data['n_queries']:,}",
        "content": f"SHA-256 {data['digest']}",
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, "
        f"{machine['system']}; load {machine['load']} at the start",
        "versions": ", ".join(f"{name} {version}" for name, version in row["versions"].items()),
        "seed": str(row["seed"]),
        "measured": f"{row['rounds']} rounds, engines in turns; searching threads: "
        + ", ".join(map(str, row["threads_asked"])),
    }
    notes = [element("li", note) for note in (*data["notes"], *mixture)]
    how = paragraph(
        "Each index is built in a process of its own, saved, and loaded in another, which is searched. Recall counts "
        "what is as near as the k-th true neighbour, by distances computed again in float64; a neighbour returned "
        "twice counts once. The true neighbours come from exact search and are checked by brute force in every run."
    )
    return section("How it was made", facts(known), element("ul", *notes) if notes else "", details("Method", how))


def _footer(rows: Sequence[Row]) -> str:
    times = sorted(str(row["time"]) for row in rows)
    return f"{len(rows)} configurations, measured {times[0]} to {times[-1]} by rag bench."


def _mega(n_bytes: float | None) -> float | None:
    return None if n_bytes is None else n_bytes / 1e6


def _mb(n_bytes: float | None) -> str:
    return "unknown" if n_bytes is None else f"{n_bytes / 1e6:.1f} MB"
