"""Checks and conversions of vectors: float32, finite, of length 1 if the metric is cosine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import first
from .errors import InvalidInput
from .types import Vectors

_MAX_SQUARE = 2.0**124
"""Squared lengths up to this cannot make a score of ``ip`` or ``l2`` overflow float32: 4 * 2**124 < 2**128."""

_TINY = 2.0**-100
_FLOAT32 = np.dtype(np.float32)


def checked_vectors(x: ArrayLike, dim: int, name: str, *, bounded: bool) -> tuple[Vectors, NDArray[np.float32]]:
    """Return vectors as C-contiguous float32 of shape (n, dim), and their squared lengths, shape (n,).

    An array that is already valid is returned as it is: do not write to it.

    Parameters
    ----------
    x
        Numbers, shape (n, dim).
    dim
        The expected second dimension.
    name
        Name of the vectors in errors.
    bounded
        Refuse vectors so long that scores would overflow float32.

    Raises
    ------
    InvalidInput
        Names the first bad row and the fix.
    """
    vectors = _float32(x, name)
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        hint = f"; for one vector give {name}[None, :]" if vectors.shape == (dim,) else ""
        raise InvalidInput(f"{name} must have shape (n, {dim}), got {vectors.shape}{hint}")
    squares = np.einsum("ij,ij->i", vectors, vectors)
    if not float(squares.max(initial=0)) <= _MAX_SQUARE:
        _complain(vectors, squares <= _MAX_SQUARE, name, bounded=bounded)
    return vectors, squares


def one_query(x: ArrayLike, dim: int, *, to_unit: bool) -> Vectors | None:
    """Return a single valid query, brought to length 1 if wanted; None for anything else.

    One query at a time is the common case, where each call of numpy counts; None may mean
    valid in another form, or an error: ``checked_vectors`` decides.
    """
    if type(x) is not np.ndarray or x.dtype is not _FLOAT32 or x.shape != (1, dim) or not x.flags.c_contiguous:
        return None
    only = x[0]
    square = float(np.vdot(only, only))  # unlike dot, it does not warn of overflow, which is handled here
    if not square <= _MAX_SQUARE:  # nan and inf fail this comparison too
        return None
    if not to_unit:
        return x
    return x * np.float32(1 / math.sqrt(square)) if square >= _TINY else None


def unit(x: Vectors, squares: NDArray[np.float32]) -> Vectors:
    """Return the vectors brought to length 1, as a fresh array; zero vectors stay zero.

    Parameters
    ----------
    x
        float32, shape (n, dim), finite.
    squares
        float32, shape (n,): squared lengths, which may have over- or underflowed.
    """
    odd = (squares < _TINY) | (squares > _MAX_SQUARE)
    if not odd.any():
        return np.asarray(x / np.sqrt(squares)[:, None], np.float32)
    lengths = np.sqrt(np.where(odd, np.float32(1), squares))
    out = np.asarray(x / lengths[:, None], np.float32)
    wide = x[odd].astype(np.float64)
    norms = np.sqrt(np.square(wide).sum(axis=1, keepdims=True))
    out[odd] = wide / np.where(norms > 0, norms, 1)
    return out


def _float32(x: ArrayLike, name: str) -> Vectors:
    if isinstance(x, np.ndarray) and x.dtype == np.float32 and x.flags.c_contiguous and x.dtype.isnative:
        return x
    if hasattr(x, "detach"):  # a tensor of torch, perhaps with a gradient, on a device or in bfloat16
        x = x.detach().float().cpu().numpy()
    try:
        array = np.asarray(x)
    except ValueError:
        raise InvalidInput(f"{name} must be a matrix of numbers, got rows of different length") from None
    if array.dtype == np.bool_:
        raise InvalidInput(
            f"{name} holds true and false, dtype bool: bits are given as {name}.astype('float32'), by a mask rows are "
            f"chosen as {name}[mask]"
        )
    if array.dtype.name == "bfloat16":  # of ml_dtypes, which numpy does not know as a number
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise InvalidInput(f"{name} must hold real numbers, got dtype {array.dtype}: convert with .astype('float32')")
    with np.errstate(over="ignore"):  # what overflows becomes inf, which is refused by row
        return np.ascontiguousarray(array, np.float32) if array.ndim else array.astype(np.float32)


def _complain(vectors: Vectors, fine: NDArray[np.bool_], name: str, *, bounded: bool) -> None:
    finite = np.asarray(np.isfinite(vectors[~fine]).all(axis=1))
    suspects = np.flatnonzero(~fine)
    if not finite.all():
        row = int(suspects[first(~finite)])
        column = first(~np.isfinite(vectors[row]))
        value = vectors[row, column]
        raise InvalidInput(f"{name}[{row}] holds {value} at position {column}: leave out the row, or repair its source")
    if bounded:
        raise InvalidInput(
            f"{name}[{suspects[0]}] is longer than 2**62, so that scores would overflow: scale the vectors"
        )
