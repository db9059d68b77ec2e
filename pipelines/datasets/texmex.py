"""``.fvecs``, ``.bvecs`` and ``.ivecs``: the files of the TEXMEX collection (SIFT1M, GIST1M, BIGANN).

Every vector follows its length: a little-endian int32, then that many float32, uint8 or int32.
http://corpus-texmex.irisa.fr
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

_NUMBERS = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1"), ".ivecs": np.dtype("<i4")}
_MAX_DIM = 1 << 16


def read_texmex(path: Path) -> NDArray[Any]:
    """Return the vectors: float32, uint8 or int32 by the file's ending, shape (n, dim).

    Raises
    ------
    InvalidInput
        The file is truncated, its vectors differ in length, or it is not such a file.
    """
    numbers = _NUMBERS[path.suffix.lower()]
    size = path.stat().st_size
    if size < 4:
        raise InvalidInput(f"{path} holds {size} bytes: no vectors")
    dim = int(np.fromfile(path, "<i4", 1)[0])
    if not 1 <= dim <= _MAX_DIM:
        raise InvalidInput(f"{path} begins with a vector of length {dim}: it is not a {path.suffix} file")
    record = np.dtype([("dim", "<i4"), ("vector", numbers, (dim,))])
    whole, rest = divmod(size, record.itemsize)
    if rest:
        raise InvalidInput(
            f"{path} is truncated, or its vectors differ in length: {size} bytes are {whole} vectors of {dim} numbers "
            f"and {rest} bytes more"
        )
    records = np.fromfile(path, record)
    differs = records["dim"] != dim
    if differs.any():
        row = int(np.argmax(differs))
        raise InvalidInput(f"{path}: vector {row} says it has {records['dim'][row]} numbers, the first one has {dim}")
    return np.ascontiguousarray(records["vector"])
