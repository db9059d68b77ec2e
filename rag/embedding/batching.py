"""Batches filled by tokens rather than by rows, since the lengths of texts differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def batches(lengths: Sequence[int], budget: int) -> Iterator[NDArray[np.intp]]:
    """Split texts into batches of like length, longest first.

    Parameters
    ----------
    lengths
        Tokens of each text.
    budget
        Tokens of a batch, padding counted; a longer text is a batch of its own.

    Yields
    ------
    Places of a batch's texts in ``lengths``; together every place once.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    first = 0
    while first < len(order):
        rows = max(1, budget // max(1, lengths[order[first]]))
        yield order[first : first + rows]
        first += rows
