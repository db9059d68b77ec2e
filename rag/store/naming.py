"""Names of sources: one for each real file, however its path is spelled."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from ..source_prefixes import split_prefix
from .records import SourceInfo


class SourceNames:
    """Finds the name that a file has in a knowledge base already: the name under which it was first added.

    A file is known by its real path. Paths that differ in case or in the form of their accents only are one file
    where the file system says so.
    """

    def __init__(self, sources: Mapping[str, SourceInfo]) -> None:
        self._names: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for name, info in sources.items():
            if info.location:
                self._names[_key(name, info.location)][name] = info.location

    def name(self, name: str, location: str) -> str:
        """Return the name to use for a file that comes as ``name``; one without a location keeps it."""
        if not location:
            return name
        places = self._names[_key(name, location)]
        if name in places:
            return name
        for known, place in places.items():
            if _same(place, location):
                return known
        places[name] = location
        return name

    def others(self, name: str, location: str) -> list[str]:
        """Return further names of the same file, left by versions that went by its spelling."""
        places = self._names.get(_key(name, location), {})
        return [known for known, place in places.items() if known != name and _same(place, location)]


def _key(name: str, location: str) -> tuple[str, str]:
    # A source of a corpus shares its file with one that is read as JSON lines.
    return split_prefix(name)[0], unicodedata.normalize("NFC", location).casefold()


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def renamed(id_: str, source: str, name: str) -> str:
    """Return the id of a document of ``source`` if that is called ``name``."""
    return name + id_.removeprefix(source) if id_.startswith(source) else id_


def vanished(sources: Mapping[str, SourceInfo]) -> dict[str, str]:
    """Return the names of whole sources whose files are gone, by their SHA-256."""
    return {
        info.sha256: name
        for name, info in sources.items()
        if info.location and info.complete and not os.path.lexists(info.location)
    }
