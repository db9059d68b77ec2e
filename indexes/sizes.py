"""How much memory a saved index takes once it is loaded, told by its files without reading them."""

from __future__ import annotations

import os
from pathlib import Path

from .files import MANIFEST
from .inverted.postings import ENTRY_BYTES

_NUMBER = 8


def loaded_bytes(path: str | os.PathLike[str]) -> int:
    """Return the bytes of memory that an index takes once it is loaded; 0 if there is none.

    Arrays and engines are in memory as they are on disk. Terms take more: a slot, an object and a number each.

    Parameters
    ----------
    path
        The folder that ``save`` wrote.
    """
    folder = Path(path)
    try:
        sizes = {entry.name: entry.lstat().st_size for entry in folder.iterdir() if entry.name != MANIFEST}
    except OSError:
        return 0
    terms = sizes.get("starts.npy", 0) // _NUMBER if "terms.json" in sizes else 0
    return sum(sizes.values()) + ENTRY_BYTES * terms
