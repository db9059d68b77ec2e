"""Pareto fronts: the configurations that no other beats in both recall and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .results import Row


def front(rows: Iterable[Row], cost: Callable[[Row], float]) -> list[Row]:
    """Return the rows that no other row beats, by rising recall; of equal recall, the cheapest.

    Parameters
    ----------
    rows
        Rows without errors.
    cost
        Smaller is better: seconds per query, bytes.
    """
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: (-float(row["recall"]), cost(row))):
        if not kept or cost(row) < cost(kept[-1]):
            kept.append(row)
    return kept[::-1]


def speed_front(rows: Iterable[Row]) -> list[Row]:
    """Return the front of recall and queries per second."""
    return front(rows, lambda row: 1 / float(row["qps"]))


def memory_front(rows: Iterable[Row]) -> list[Row]:
    """Return the front of recall and memory."""
    return front(rows, lambda row: float(row["memory_bytes"]))
