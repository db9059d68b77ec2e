"""From a verified folder to an index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import files
from .base import KIND, Index
from .errors import IndexDamaged, InvalidInput, UnknownParameter
from .registry import engine


def open_index(path: str | os.PathLike[str]) -> Index[Any]:
    """See ``indexes.load``."""
    folder = Path(path)
    manifest = files.verify(folder)
    facts = {k: v for k, v in manifest.items() if k not in ("files", "digest")}
    try:
        if facts.pop("kind") != KIND:
            raise IndexDamaged(f"{files.MANIFEST} in {folder} is not that of an index")
        cls, format_ = engine(facts.pop("engine")), facts.pop("format")
        if format_ != cls.format:
            raise IndexDamaged(
                f"{files.MANIFEST} in {folder} has format {format_} of {cls.name}, this version reads {cls.format}: "
                "rebuild the index"
            )
        n_rows = facts.pop("rows")
        build, search = cls.Build(**facts.pop("build")), cls.Search(**facts.pop("search"))
        index = cls(**facts, build=build, search=search)
    except (KeyError, TypeError, InvalidInput, UnknownParameter) as error:
        raise IndexDamaged(f"{files.MANIFEST} in {folder} does not describe an index: {error}") from error
    if type(n_rows) is not int or n_rows < 0:
        raise IndexDamaged(f"{files.MANIFEST} in {folder}: {n_rows!r} is no number of rows")
    index._restore(folder, n_rows)
    return index
