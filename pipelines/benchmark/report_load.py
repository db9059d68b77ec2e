"""Section of the report on latency under load, and on what writes do to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..reports.charts import COLOURS, Front, fronts
from ..reports.pages import Cell, Html, details, element, section, table
from .bot_load import BotLoad
from .findings import line_colours
from .load import written
from .open_loop import WAIT
from .results import Row

Series = Mapping[str, Any]


def under_load(rows: Sequence[Row]) -> Html:
    """Return latency against the offered load, and how much load each configuration bears; empty if not measured."""
    measured = [row for row in rows if row.get("load")]
    if not measured:
        return Html("")
    how = "A write removes a vector and adds it again under a new id."
    return section("Under load", *_parts(measured), lead=_lead(measured[0]["load"], "An index", how))


def bot_load(load: BotLoad) -> Html:
    """Return the same for the bot."""
    how = f"The questions are {load.questions}. A write adds a document, or replaces one that was added so."
    return section("The bot under load", *_parts([load.row]), lead=_lead(load.figures, "The bot", how))


def _parts(rows: Sequence[Row]) -> list[Html]:
    parts: list[Html] = []
    for number, kind in enumerate(rows[0]["load"]["series"]):
        share = kind["writes"]
        own = [(row, row["load"]["series"][number]) for row in rows]
        title = f"{share:.0%} of the requests are writes" if share else "Reads only"
        parts += [element("h3", title), _chart(own, "p99"), _chart(own, "p50"), _summary(own, share)]
    return [*parts, details("Every rate", _every_rate(rows))]


def _lead(load: Series, who: str, how: str) -> str:
    n = load["servers"]
    serving = f"{n} thread serves them" if n == 1 else f"{n} threads serve them"
    return (
        f"Requests arrive as a Poisson process, for {load['seconds']:g} s at each rate, whether earlier ones are "
        f"answered or not; {serving}. Latency counts from the scheduled arrival, so the time in the queue is in it. "
        f"{who} keeps up with a rate if all are served and the last one waits for at most {WAIT:.0%} of the time, or "
        f"for two others. {how}"
    )


def _chart(own: Sequence[tuple[Row, Series]], percentile: str) -> Html:
    series = []
    most = sorted(own, key=lambda pair: pair[1]["keeps_up_to"] or 0.0, reverse=True)[: len(COLOURS)]
    for (row, each), colour in zip(most, line_colours([row for row, _ in most]), strict=True):
        read = [step for step in each["steps"] if step["p99_ms"] is not None]
        points = [_point(row, step, percentile) for step in read]
        kept = [point for point, step in zip(points, read, strict=True) if step["kept_up"]]
        series.append(Front(row["spec"], points, kept, colour))
    return fronts(
        series,
        x="requests/s offered",
        y=f"{percentile} of latency, ms",
        x_scale="log",
        caption="Down and to the right is better. Pale: not kept up with; the queue grew."
        + (f" The {len(most)} of {len(own)} that bear most." if len(most) < len(own) else ""),
    )


def _point(row: Row, step: Series, percentile: str) -> tuple[float, float, str]:
    tip = (
        f"{row['spec']}\n{written(step['rate'])} requests/s offered, {written(step['per_second'])} answered\n"
        f"p50 {step['p50_ms']:.3g} ms, p99 {step['p99_ms']:.3g} ms"
    )
    return step["rate"], max(step[f"{percentile}_ms"], 1e-3), tip


def _summary(own: Sequence[tuple[Row, Series]], share: float) -> Html:
    headers = ["configuration", "at most, requests/s", "keeps up to, requests/s", "p50 ms there", "p99 ms there"]
    headers += ["without the queue", "recall there"]
    if share:
        headers += ["write p50 ms", "write p99 ms", "recall afterwards"]
    return table(headers, [_cells(row, each, share) for row, each in own])


def _cells(row: Row, each: Series, share: float) -> list[Cell]:
    last = next((step for step in each["steps"] if step["rate"] == each["keeps_up_to"]), None)
    names = ["p50_ms", "p99_ms", "service_p99_ms", "recall"]
    names += ["write_p50_ms", "write_p99_ms", "recall_after"] if share else []
    cells: list[Cell] = [row["spec"], _whole(each["capacity"]), _whole(each["keeps_up_to"])]
    return cells + [None if last is None else last[name] for name in names]


def _every_rate(rows: Sequence[Row]) -> Html:
    headers = [
        "configuration", "writes", "requests/s offered", "requests", "answered/s", "kept up", "p50 ms", "p95 ms",
        "p99 ms", "without the queue", "write p99 ms", "recall",
    ]  # fmt: skip
    cells: list[list[Cell]] = [
        [
            row["spec"], f"{each['writes']:.0%}", round(step["rate"], 1), step["n"], round(step["per_second"], 1),
            "yes" if step["kept_up"] else f"no, {step['unserved']:,} not served" if step["unserved"] else "no",
            step["p50_ms"], step["p95_ms"], step["p99_ms"], step["service_p99_ms"], step["write_p99_ms"],
            step["recall"],
        ]
        for row in rows
        for each in row["load"]["series"]
        for step in each["steps"]
    ]  # fmt: skip
    return table(headers, cells)


def _whole(value: float | None) -> Cell:
    return None if value is None else round(value) if value >= 10 else round(value, 2)
