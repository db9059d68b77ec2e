"""``idx3-ubyte`` files, plain or gzipped, such as MNIST; each picture is one vector.

The format is described at http://yann.lecun.com/exdb/mnist (LeCun, Cortes and Burges): two zero bytes, the type of
the numbers, the number of dimensions, their sizes as big-endian int32, then the numbers.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_BYTES = 64 << 30


def read_idx(path: Path) -> NDArray[Any]:
    """Return the items as vectors: shape (n, numbers per item).

    Raises
    ------
    InvalidInput
        The file is truncated, longer than its header says, or not an idx file.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            zeros, kind, n_dims = struct.unpack(">HBB", file.read(4))
            if zeros or kind not in _TYPES or not n_dims:
                raise InvalidInput(f"{path} does not begin as an idx file does")
            shape = struct.unpack(f">{n_dims}i", file.read(4 * n_dims))
            numbers = np.dtype(_TYPES[kind])
            size = math.prod(shape) * numbers.itemsize
            if min(shape) < 1 or size > _MAX_BYTES:
                raise InvalidInput(f"{path} says it has the shape {shape}")
            data = file.read(size + 1)  # one more than it says, so that a gzip bomb is seen and not unpacked
    except (struct.error, EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidInput(f"{path} is truncated or not an idx file: {error}") from error
    if len(data) != size:
        how = "truncated" if len(data) < size else "longer than it says"
        raise InvalidInput(f"{path} is {how}: its shape {shape} needs {size} bytes")
    return np.frombuffer(data, numbers).reshape(shape[0], -1)
