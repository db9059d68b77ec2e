"""What can hold the bytes of documents in a knowledge base's folder besides the database and its current indexes.

Killed commands leave such files behind. This is the one place that knows them all: `verify` lists them, every writer
sweeps them, and `purge` takes the damaged original of a repair and a killed re-embedding as well, which are kept on
purpose until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..whole_file import is_aside
from . import generations
from .database import DATABASE, Connection
from .faults import file_faults
from .session import NEW, clear

SALVAGE = ".salvage"
"""Where a repair works: it holds a copy of the whole database."""
REEMBEDDING = ".reembedding"
"""Where `rag reembed` works; kept when it is killed, so that it goes on there, until a purge."""
DAMAGED = DATABASE + ".damaged"
"""The original of a database that was repaired."""


def leftovers(folder: Path, db: Connection) -> list[str]:
    """Return the names of files and folders that no search needs, relative to the knowledge base."""
    return [str(path.relative_to(folder)) for path in (*_swept(folder, db), *_damaged(folder))]


def sweep(folder: Path, db: Connection, *, damaged: bool = False) -> list[str]:
    """Delete what killed commands left, and ``damaged`` originals; return the names. The caller holds the lock."""
    gone = [*_swept(folder, db), *(_damaged(folder) if damaged else ())]
    with file_faults(folder):
        for path in gone:
            clear(path)
    return [str(path.relative_to(folder)) for path in gone]


def _swept(folder: Path, db: Connection) -> Iterator[Path]:
    yield from generations.leftovers(folder, generations.pointers(db))
    for path in sorted(folder.iterdir()):
        if path.name == SALVAGE or path.name.startswith(NEW) or is_aside(path.name):
            yield path


def _damaged(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob(DAMAGED + "*"))
    yield from folder.glob(REEMBEDDING)
