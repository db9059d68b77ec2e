"""Hashes of signs, compared with the numbers whose signs they are: a bit counts by how far a query lies on its side."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .types import Scores

Order = Literal["big", "little"]


@cache
def _signs(order: Order) -> Scores:
    """Return the bits of each byte's value, 1 where set and -1 where not: float32, shape (256, 8)."""
    return 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder=order).astype(np.float32) - 1


def sums(seen: NDArray[np.float32], codes: NDArray[np.uint8], order: Order) -> Scores:
    """Return the sum of a query's numbers, each with the sign that a hash has for it: float32, shape (n,).

    Parameters
    ----------
    seen
        How far the query lies in each direction: float32, shape (nbits,).
    codes
        uint8, shape (n, width), of which the bits beyond ``nbits`` count nothing.
    order
        Which bit of a byte is the first, as in `numpy.packbits`.
    """
    at = 256 * np.arange(codes.shape[1])
    padded = np.zeros(8 * len(at), np.float32)
    padded[: len(seen)] = seen
    far = padded.reshape(-1, 8) @ _signs(order).T  # what each of a byte's values adds
    return np.asarray(far.ravel().take(codes + at).sum(axis=1), np.float32)
