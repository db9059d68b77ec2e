"""Remove sources and vanished files, and clear their bytes from disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ..documents import composed
from ..errors import StoreLocked
from . import database, generations, reading
from .database import DATABASE
from .faults import file_faults
from .live import LiveIndexes
from .session import Session, clear
from .writing import drop_source

_SOURCES_A_COMMIT = 256


def remove(session: Session, live: LiveIndexes, source: str) -> int:
    """See `KnowledgeBase.remove`."""
    names = {source, composed(source)}
    folders = tuple(name.rstrip("/") + "/" for name in names)
    return _drop(session, live, lambda name, _: name in names or name.startswith(folders))


def prune(session: Session, live: LiveIndexes, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
    """See `KnowledgeBase.prune`."""
    places = [Path(os.path.realpath(str(root).removeprefix("beir:"))) for root in roots]
    kept = None if seen is None else frozenset(seen)

    def vanished(name: str, location: str) -> bool:
        if not location or not any(Path(location).is_relative_to(place) for place in places):
            return False
        return name not in kept if kept is not None else not os.path.lexists(location)

    return _drop(session, live, vanished)


def _drop(session: Session, live: LiveIndexes, goes: Callable[[str, str], bool]) -> int:
    with session.reading() as db:
        rows = list(db.execute("select id, name, location from sources order by name"))
    gone = [row[0] for row in rows if goes(row[1], row[2])]
    documents = 0
    for start in range(0, len(gone), _SOURCES_A_COMMIT):
        with session.writing() as db:
            documents += sum(drop_source(db, source) for source in gone[start : start + _SOURCES_A_COMMIT])
    if gone:
        live.cut()
    return documents


def purge(session: Session, live: LiveIndexes) -> None:
    """See `KnowledgeBase.purge`."""
    with session.writing() as db:
        unused = reading.orphans(db, sentences=True)
        db.executemany("delete from embeddings where id = ?", ((row,) for row in unused))
    live.cut(rebuild=live.every)  # an index may hold removed rows until it is built anew
    with session.writing() as db:
        # AUTOINCREMENT keeps counting where it was: the numbers of changes never come again.
        least = min((pointer.seq for pointer in generations.pointers(db).values()), default=0)
        db.execute("delete from changes where seq <= ?", (least,))
    with session.reading() as db:
        db.execute("vacuum")
        if not database.checkpoint(db):
            text = f"{session.folder}: a reader holds the state before; what was removed is hidden, but its bytes stay"
            raise StoreLocked(f"{text}; close the readers and purge again")
    with file_faults(session.folder):
        for entry in session.folder.glob(f"{DATABASE}.damaged*"):
            clear(entry)
