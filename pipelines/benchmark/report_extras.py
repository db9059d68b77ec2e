"""Sections of the report on what is measured only if asked: threads, changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..reports.pages import Cell, Html, details, section, table
from .results import Row


def extras(rows: Sequence[Row]) -> Html:
    """Return the tables of optional measurements: threads, changes."""
    if not rows:
        return Html("")
    first = rows[0]
    parts: list[Html] = []
    if len(first["threads_asked"]) > 1:
        headers = ["configuration", *(f"queries/s, {t} thread{'s' * (t != '1')}" for t in first["threads"])]
        cells = [[row["spec"], *(_or_none(row["threads"].get(t)) for t in first["threads"])] for row in rows]
        parts.append(details("Speed by searching threads", table(headers, cells, digits=0)))
    if first["churn_asked"] is not None:
        headers = ["configuration", "recall before", "recall after", "adds/s", "removes/s", "queries/s after"]
        summary = f"After {first['churn_asked']:.0%} of the vectors were removed and added again, a hundred at a time"
        parts.append(details(summary, table(headers, [_churn_cells(row) for row in rows])))
    return section("Threads, changes", *parts) if parts else Html("")


def _churn_cells(row: Row) -> list[Cell]:
    churn: dict[str, Any] = row["churn"] or {}
    if "recall" not in churn:
        return [row["spec"], row["recall"], None, None, None, None]
    speeds = (round(churn[name]) for name in ("adds_per_s", "removes_per_s", "qps"))
    return [row["spec"], row["recall"], churn["recall"], *speeds]


def _or_none(value: float | None) -> Cell:
    return None if value is None else round(value)
