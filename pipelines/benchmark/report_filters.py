"""Section of the report on filtered search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..reports.charts import COLOURS, Front, Scale, fronts
from ..reports.pages import Cell, Html, details, element, section, table
from .filters import NAMES, Kind
from .findings import line_colours
from .results import Row

Figures = Mapping[str, Any]

_GOOD = 0.99
"""Recall from which on no chart of it is drawn."""


def filtered_search(rows: Sequence[Row]) -> Html:
    """Return recall and speed by the share of the vectors that a filter allows; empty if not measured."""
    measured = [row for row in rows if row["filters"]]
    if not measured:
        return Html("")
    by_kind: dict[Kind, list[Figures]] = {}
    for each in measured[0]["filters"]:
        by_kind.setdefault(each.get("kind", "random"), []).append(each)
    if len(by_kind) == 1:
        summary = "Search among a share of the vectors, drawn at random"
        return section("Filtered search", details(summary, _table(measured, "random", by_kind["random"])))
    parts: list[Html] = []
    for kind, asked in by_kind.items():
        parts.append(element("h3", f"Allowed: {NAMES[kind]}"))
        parts.append(_chart(measured, kind, "queries/s", lambda each: float(each["qps"]), "log"))
        if min(float(each["recall"]) for row in measured for each in _of(row, kind)) < _GOOD:
            parts.append(_chart(measured, kind, "recall, logit scale", lambda each: float(each["recall"]), "logit"))
        parts.append(_table(measured, kind, asked))
    return section("Filtered search", *parts, lead=_lead(by_kind))


def _lead(by_kind: Mapping[Kind, Sequence[Figures]]) -> str:
    def inside(kind: Kind) -> str:
        each = by_kind[kind]
        shares = (f"{100 * one['neighbours_allowed']:.1f} % at {100 * one['share']:g} %" for one in each)
        return ", ".join(shares).replace(" %", "\N{NO-BREAK SPACE}%")

    return (
        "A filter allows a share of the vectors, drawn at random, or those nearest to the queries' own group, or those "
        "farthest from it; each group of queries is asked in one call with its filter. Of the true neighbours without "
        f"a filter, the nearest allow {inside('near')}; the farthest allow {inside('far')}."
    )


def _of(row: Row, kind: str) -> list[Figures]:
    return [each for each in row["filters"] if each.get("kind", "random") == kind]


def _chart(rows: Sequence[Row], kind: str, y: str, value: Callable[[Figures], float], scale: Scale) -> Html:
    series = []
    most = sorted(rows, key=lambda row: float(row["qps"]), reverse=True)[: len(COLOURS)]
    caption = f"The {len(most)} of {len(rows)} that are fastest without a filter." if len(most) < len(rows) else ""
    for row, colour in zip(most, line_colours(most), strict=True):
        figures = sorted(_of(row, kind), key=lambda each: float(each["share"]))
        points = [(100 * each["share"], value(each), _tip(row, each)) for each in figures]
        series.append(Front(row["spec"], points, points, colour))
    return fronts(series, x="% of the vectors allowed", y=y, x_scale="log", y_scale=scale, caption=caption)


def _tip(row: Row, each: Figures) -> str:
    return (
        f"{row['spec']}\n{100 * each['share']:g} % allowed: recall {each['recall']:.4f}, {each['qps']:,.0f} queries/s"
    )


def _table(rows: Sequence[Row], kind: str, asked: Sequence[Figures]) -> Html:
    headers = ["configuration", "recall", "queries/s"]
    headers += [f"{100 * each['share']:g} %: {what}" for each in asked for what in ("recall", "queries/s")]
    cells: list[list[Cell]] = [
        [
            row["spec"], row["recall"], round(row["qps"]),
            *(v for each in _of(row, kind) for v in (each["recall"], round(each["qps"]))),
        ]
        for row in rows
    ]  # fmt: skip
    return table(headers, cells)
