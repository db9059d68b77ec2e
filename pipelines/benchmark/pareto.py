"""Pareto fronts: the configurations that no other beats in both respects."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .results import Row


def front(
    rows: Iterable[Row],
    cost: Callable[[Row], float],
    gain: Callable[[Row], float] = lambda row: float(row["recall"]),
) -> list[Row]:
    """Return the rows that no other row beats, by rising gain.

    Parameters
    ----------
    rows
        Without errors.
    cost
        Smaller is better: seconds per query, bytes.
    gain
        Larger is better; recall by default. Of rows with equal gain the cheapest stays.
    """
    kept: list[Row] = []
    cheapest = float("inf")
    for row in sorted(rows, key=lambda row: (-gain(row), cost(row))):
        if cost(row) < cheapest:
            kept.append(row)
            cheapest = cost(row)
    return kept[::-1]


def speed_front(rows: Iterable[Row]) -> list[Row]:
    """Return the front of recall and queries per second."""
    return front(rows, lambda row: 1 / float(row["qps"]))


def memory_front(rows: Iterable[Row]) -> list[Row]:
    """Return the front of recall and memory."""
    return front(rows, lambda row: float(row["memory_bytes"]))
