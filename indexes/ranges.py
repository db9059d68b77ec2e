"""Ranges of numbers that codes of 8 bits cover, and the rows that would spoil them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .types import Vectors

_MARGIN = 0.02
"""Margin on both sides of a range, as a share of it, so that few later vectors lie beyond."""
_TAIL, _REACH, _FEW = 0.001, 1.0, 0.01
"""A row is odd if a number of it lies beyond the middle 99.8 % by more than their range, and at most one row of a
hundred is; of more, the range is made for all."""
_SAMPLE = 1 << 18


def widened(low: NDArray[np.float32], high: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a range with a margin on both sides."""
    room = np.float32(_MARGIN) * (high - low)
    return low - room, high + room


def odd(x: Vectors) -> NDArray[np.bool_] | None:
    """Return which rows would widen the range of all so much that the others lose precision; None for none."""
    numbers = x.reshape(-1)
    some = numbers[:: max(1, len(numbers) // _SAMPLE)]
    low, high = np.quantile(some, (_TAIL, 1 - _TAIL))
    room = _REACH * (high - low)
    if float(x.min()) >= low - room and float(x.max()) <= high + room:
        return None
    found = (x.min(axis=1) < low - room) | (x.max(axis=1) > high + room)
    return np.asarray(found) if 0 < found.sum() <= _FEW * len(x) else None
