"""``.npy`` and ``.npz`` files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

from .vector_data import Raw

MOST_UNPACKED = 16 << 30
"""Bytes that an ``.npz`` file may unpack to; a file of a few megabytes can hold any number of zeros."""
_BASE = ("base", "train", "vectors", "x")
_QUERIES = ("queries", "query", "test", "q")


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of a ``.npy`` file.

    Raises
    ------
    InvalidInput
        The file is truncated, holds Python objects, or is not a ``.npy`` file.
    """
    with _read(path, ".npy"), path.open("rb") as file:  # np.load would leave a damaged file open
        array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InvalidInput(f"{path} is an archive of arrays: give it the ending .npz")
    return array


def read_npz(path: Path) -> Raw:
    """Return ``base`` (or train, vectors, x) and ``queries`` (or query, test, q) of a ``.npz`` archive.

    Integer vectors are assumed to be descriptors such as SIFT and measured by l2, others by cosine.

    Raises
    ------
    InvalidInput
        The archive is damaged, has no array of such a name, or unpacks to more than ``MOST_UNPACKED`` bytes.
    """
    with _read(path, ".npz"), path.open("rb") as file:
        with zipfile.ZipFile(file) as packed:
            _check_size(path, sum(member.file_size for member in packed.infolist()))
        with np.load(file, allow_pickle=False) as archive:
            names = list(archive.files)
            base = next((n for n in _BASE if n in names), names[0] if len(names) == 1 else None)
            queries = next((n for n in _QUERIES if n in names), None)
            if base is None:
                raise InvalidInput(
                    f"{path} holds {', '.join(names)}; name the vectors 'base' and the queries 'queries'"
                )
            arrays = archive[base], None if queries is None else archive[queries]
    return Raw(*arrays, metric="l2" if arrays[0].dtype.kind in "iu" else "cosine")


def _check_size(path: Path, size: int) -> None:
    if size > MOST_UNPACKED:
        text = f"{path} unpacks to {size / 1e9:,.1f} GB, more than {MOST_UNPACKED / 1e9:,.1f}"
        raise InvalidInput(f"{text}; save its arrays as .npy files, which are read as they are")


@contextmanager
def _read(path: Path, kind: str) -> Iterator[None]:
    """Name the file whatever goes wrong in it: numpy and zipfile raise what their parsers stumble over."""
    try:
        yield
    except (InvalidInput, MemoryError):  # `open_vectors` explains the second, for every kind of file
        raise
    except Exception as error:
        if isinstance(error, OSError) and not path.is_file():
            raise
        raise InvalidInput(f"{path} cannot be read as {kind}: {error}; is it whole?") from error
