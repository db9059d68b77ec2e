"""``.fbin``, ``.u8bin`` and ``.i8bin``: the files of the billion-scale challenges (BIGANN, DEEP, SPACEV, Text2Image).

Two little-endian uint32, the number of vectors and their length, then all vectors as float32, uint8 or int8.
https://big-ann-benchmarks.com
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

_NUMBERS: dict[str, np.dtype[Any]] = {".fbin": np.dtype("<f4"), ".u8bin": np.dtype("u1"), ".i8bin": np.dtype("i1")}
ENDINGS = tuple(_NUMBERS)
_MAX_DIM = 1 << 16


def read_bigann(path: Path) -> NDArray[Any]:
    """Return the vectors: float32, uint8 or int8 by the file's ending, shape (n, dim).

    Raises
    ------
    InvalidInput
        The file is truncated, longer than it says, or not such a file.
    """
    numbers = _NUMBERS[path.suffix.lower()]
    size = path.stat().st_size
    if size < 8:
        raise InvalidInput(f"{path} holds {size} bytes: no vectors")
    n, dim = (int(value) for value in np.fromfile(path, "<u4", 2))
    if not n or not 1 <= dim <= _MAX_DIM:
        raise InvalidInput(f"{path} says that it holds {n} vectors of length {dim}: it is not a {path.suffix} file")
    expected = 8 + n * dim * numbers.itemsize
    if size != expected:
        held = (size - 8) // (dim * numbers.itemsize)
        raise InvalidInput(
            f"{path} says that it holds {n:,} vectors of length {dim}, {expected:,} bytes, but has {size:,}, those of "
            f"{held:,} vectors: is it whole? for a part of a file, write {held} into its first four bytes"
        )
    vectors: NDArray[Any] = np.fromfile(path, numbers, offset=8).reshape(n, dim)
    return vectors
