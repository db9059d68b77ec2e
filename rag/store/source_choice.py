"""Which sources a user means: those that he names, and those whose files have vanished."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ..documents.document import composed
from ..source_prefixes import split_prefix


def named(wanted: Iterable[str], *, folders: bool = True) -> Callable[[str], bool]:
    """Return whether a source is one of those that a user names, or in one of the folders."""
    names = {name for source in wanted for name in (source, composed(source))}
    within = tuple(name.rstrip("/") + "/" for name in names) if folders else ()
    return lambda name: name in names or name.startswith(within)


def vanished(roots: Iterable[str | Path], seen: Collection[str] | None) -> Callable[[str, str], bool]:
    """Return whether a source, by name and location, was read below one of the roots and is there no more.

    Parameters
    ----------
    seen
        Names of the sources that are there; None to look at the files.
    """
    places = [Path(os.path.realpath(path)) for _, path in map(split_prefix, map(str, roots)) if path]
    kept = None if seen is None else frozenset(seen)

    def goes(name: str, location: str) -> bool:
        if not location or not any(Path(location).is_relative_to(place) for place in places):
            return False
        return name not in kept if kept is not None else not os.path.lexists(location)

    return goes
