"""Pareto fronts as a PNG or SVG file, by matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ExtraMissing, InvalidInput

from ..reports.charts import ALL, SHARES
from .findings import colour_numbers, engines
from .pareto import memory_front, speed_front
from .results import Row

_COLOURS = (
    "#2563a8", "#b4531f", "#3d7d4b", "#7a4b9e", "#8a6d00", "#b03060", "#0f7c85", "#6b6b6b", "#d4700a", "#4a5fd0",
    "#c0399f", "#5f7a12",
)  # fmt: skip
ENDINGS = (".png", ".svg")


def pareto_picture(rows: Sequence[Row], path: str | Path) -> None:
    """Draw recall against queries per second and against memory, one colour per engine, its front joined.

    Parameters
    ----------
    rows
        At least one row, none with an error.
    path
        File ending in ``.png`` or ``.svg``.

    Raises
    ------
    InvalidInput
        The file name ends differently, or ``rows`` is empty.
    ExtraMissing
        matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InvalidInput(f"{path}: a picture ends in {' or '.join(ENDINGS)}")
    if not rows:
        raise InvalidInput("there is nothing to draw: every configuration has an error")
    figure = draw(rows)
    try:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    finally:
        _pyplot().close(figure)


def draw(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - a matplotlib figure
    """Return the picture as a matplotlib figure, for notebooks."""
    figure, (left, right) = _pyplot().subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    _panel(left, rows, "qps", 1.0, speed_front)
    _panel(right, rows, "memory_bytes", 1e6, memory_front)
    first = rows[0]
    k, data = first["k"], first["data"]
    left.set(xlabel=f"recall@{k}", ylabel="queries per second", title="up and to the right is better")
    right.set(xlabel=f"recall@{k}", ylabel="memory in MB", title="down and to the right is better")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(f"{data['name']}: {data['n']:,} vectors of {data['dim']}, {data['metric']}", fontsize=11)
    return figure


def _panel(
    axes: Any,  # noqa: ANN401 - matplotlib's
    rows: Sequence[Row],
    name: str,
    unit: float,
    front: Callable[[list[Row]], list[Row]],
) -> None:
    for engine, number in colour_numbers(engines(rows)).items():
        own = [row for row in rows if row["engine"] == engine]
        best = front(own)
        colour = _COLOURS[number % len(_COLOURS)]
        axes.scatter([_share(r) for r in own], [r[name] / unit for r in own], s=14, color=colour, alpha=0.35)
        axes.plot([_share(r) for r in best], [r[name] / unit for r in best], "o-", ms=4, color=colour, label=engine)
    axes.set_xscale("logit")
    low, high = axes.get_xlim()
    shown = [share for share in SHARES if low <= min(share, ALL) <= high]
    axes.set_xticks([min(share, ALL) for share in shown], [f"{share:g}" for share in shown])
    axes.set_xticks([], minor=True)
    axes.set_yscale("log", subs=(2, 5))
    for place in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        place(lambda value, _: f"{value:,.12g}")
    axes.grid(alpha=0.3, which="major")
    axes.spines[["top", "right"]].set_visible(False)


def _share(row: Row) -> float:
    return min(max(float(row["recall"]), 1 - ALL), ALL)


def _pyplot() -> Any:  # noqa: ANN401 - a module without types
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ExtraMissing("pictures need matplotlib: pip install 'rag-workbench[benchmark]'") from error
    if "matplotlib.pyplot" not in sys.modules:
        mpl.use("Agg")  # a file needs no screen; a notebook has already chosen its own
    import matplotlib.pyplot as plt

    return plt
