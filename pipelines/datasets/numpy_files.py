"""``.npy`` and ``.npz`` files."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

from .vector_data import Raw

_BASE = ("base", "train", "vectors", "x")
_QUERIES = ("queries", "query", "test", "q")


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file.

    Raises
    ------
    InvalidInput
        The file is truncated, holds Python objects, or is not a ``.npy`` file.
    """
    try:
        with path.open("rb") as file:  # np.load would leave a damaged file open
            array = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"{path} cannot be read as .npy: {error}; is it whole?") from error
    if not isinstance(array, np.ndarray):
        raise InvalidInput(f"{path} is an archive of arrays: give it the ending .npz")
    return array


def read_npz(path: Path) -> Raw:
    """Return ``base`` (or train, vectors, x) and ``queries`` (or query, test, q) of a ``.npz`` archive.

    Integer vectors are assumed to be descriptors such as SIFT and measured by l2, others by cosine.

    Raises
    ------
    InvalidInput
        The archive is damaged, or has no array of such a name.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = list(archive.files)
            base = next((n for n in _BASE if n in names), names[0] if len(names) == 1 else None)
            queries = next((n for n in _QUERIES if n in names), None)
            if base is None:
                raise InvalidInput(
                    f"{path} holds {', '.join(names)}; name the vectors 'base' and the queries 'queries'"
                )
            arrays = archive[base], None if queries is None else archive[queries]
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise InvalidInput(f"{path} cannot be read as .npz: {error}; is it whole?") from error
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path} cannot be read as .npz: {error}") from error
    return Raw(*arrays, metric="l2" if arrays[0].dtype.kind in "iu" else "cosine")
