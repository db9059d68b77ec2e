"""Section of the report on out-of-distribution queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..reports.charts import Front, fronts
from ..reports.pages import Cell, Html, section, table
from .findings import colour_numbers, engines
from .results import Row


def out_of_distribution(rows: Sequence[Row]) -> Html:
    """Return the recall in and out of the base's distribution, and the gap between them; empty if not measured."""
    measured = [row for row in rows if row.get("ood")]
    if not measured:
        return Html("")
    k = measured[0]["k"]
    headers = ["configuration", f"recall@{k}", "out of distribution", "gap", "95 % of the gap", "queries/s there"]
    return section(
        "Queries from another distribution",
        _chart(measured),
        table(headers, [_cells(row) for row in measured]),
        lead=_lead(measured[0]["data"]["ood"]),
    )


def _chart(rows: Sequence[Row]) -> Html:
    series = []
    for name, colour in colour_numbers(engines(rows)).items():
        own = sorted((row for row in rows if row["engine"] == name), key=lambda row: float(row["recall"]))
        points = [(float(row["recall"]), float(row["ood"]["recall"]), _tip(row)) for row in own]
        series.append(Front(name, points, points, colour))
    k = rows[0]["k"]
    return fronts(
        series,
        x=f"recall@{k} of the data's queries, logit scale",
        y="recall out of distribution",
        x_scale="logit",
        y_scale="logit",
        diagonal=True,
        caption="On the dashed line both are equal; below it the other distribution costs recall.",
    )


def _tip(row: Row) -> str:
    ood = row["ood"]
    return f"{row['spec']}\nrecall {row['recall']:.4f}, out of distribution {ood['recall']:.4f}\ngap {ood['gap']:+.4f}"


def _cells(row: Row) -> list[Cell]:
    ood = row["ood"]
    between = "{:+.3f} to {:+.3f}".format(*ood["gap_interval"])
    return [row["spec"], row["recall"], ood["recall"], ood["gap"], between, round(ood["qps"])]


def _lead(ood: dict[str, Any]) -> str:
    shift = ood["shift"]
    return (
        f"{ood['n_queries']:,} queries ({ood['name']}). Their Mahalanobis distance to the base is "
        f"{shift['mahalanobis_ood']:.3g} in the median, that of the data's own {shift['mahalanobis']:.3g}; in "
        f"{shift['separation']:.0%} of pairs theirs is the larger (50 %: one distribution). To the nearest row: "
        f"{shift['nearest_ood']:.3g} against {shift['nearest']:.3g}."
    )
