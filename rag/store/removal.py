"""Remove sources and vanished files, and clear their bytes from disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import StoreLocked
from . import database, feedback_file, generations, reading
from .document_rows import drop_source
from .live import LiveIndexes
from .session import Session
from .settings import keep_setting, setting
from .source_choice import named, vanished

_SOURCES_A_COMMIT = 256
_DUE = "purge due"
_TRIES = 8
"""Times that a purge waits for readers, of 2 seconds each (`database`): one that moves on every 2 seconds, as a server
does, has to do so twice, to the last state in the log, and from the log to the file."""


def remove(session: Session, live: LiveIndexes, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
    """See `KnowledgeBase.remove`."""
    is_wanted = named(wanted, folders=folders)
    removed = _drop(session, live, lambda name, _: is_wanted(name), purged=purged)
    if purged and is_due(session):
        purge(session, live)
    return removed


def prune(session: Session, live: LiveIndexes, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
    """See `KnowledgeBase.prune`."""
    return _drop(session, live, vanished(roots, seen), purged=False)


def _drop(session: Session, live: LiveIndexes, goes: Callable[[str, str], bool], *, purged: bool) -> int:
    with session.reading() as db:
        rows = list(db.execute("select id, name, location from sources order by name"))
    gone = [row[0] for row in rows if goes(row[1], row[2])]
    documents = 0
    for start in range(0, len(gone), _SOURCES_A_COMMIT):
        with session.writing() as db:
            if purged:
                keep_setting(db, _DUE, "1")
            documents += sum(drop_source(db, source) for source in gone[start : start + _SOURCES_A_COMMIT])
    if gone:
        live.cut()
    return documents


def purge(session: Session, live: LiveIndexes) -> None:
    """See `KnowledgeBase.purge`."""
    with session.writing() as db:
        keep_setting(db, _DUE, "1")  # cut short from here on, the next writer finishes it
        unused = reading.orphans(db, sentences=True)
        db.executemany("delete from embeddings where id = ?", ((row,) for row in unused))
    live.cut(rebuild=live.every)  # an index may hold removed rows until it is built anew
    with session.writing() as db:
        # AUTOINCREMENT keeps counting where it was: the numbers of changes never come again.
        least = min((pointer.seq for pointer in generations.pointers(db).values()), default=0)
        db.execute("delete from changes where seq <= ?", (least,))
    live.sweep(damaged=True)
    with session.reading() as db:
        feedback_file.purge(session.folder, reading.digests(db), lambda name: reading.text_of(db, name))
        db.execute("vacuum")
        if not any(database.checkpoint(db) for _ in range(_TRIES)):
            text = f"{session.folder}: a reader holds the state before; what was removed is hidden, but its bytes stay"
            raise StoreLocked(f"{text} until you close the readers and purge again, or write again")
    with session.writing() as db:
        keep_setting(db, _DUE, None)


def is_due(session: Session) -> bool:
    """Say whether a purge was begun, or a deletion that should end in one, and did not come to its end."""
    with session.reading() as db:
        return setting(db, _DUE) is not None


def finish(session: Session, live: LiveIndexes) -> None:
    """Finish what a killed deletion has left, if no reader is in the way."""
    if is_due(session) and _is_alone(session):
        with suppress(StoreLocked):
            purge(session, live)


def _is_alone(session: Session) -> bool:
    """Say whether no reader holds a state before this one: found out before all indexes are built anew for nothing."""
    with session.writing() as db:
        keep_setting(db, _DUE, "1")
    with session.reading() as db:
        return database.checkpoint(db)
