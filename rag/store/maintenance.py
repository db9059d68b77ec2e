"""Counts and sizes of a knowledge base."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from indexes.sizes import loaded_bytes

from ..documents.account import total
from . import automatic_index, generations, hiding, reading, removal
from .database import DATABASE, Connection
from .generations import Pointer
from .live import LiveIndexes
from .reading import one
from .records import GenerationInfo, Status
from .schema import FORMAT
from .session import GENERATIONS, Session
from .settings import LOST, NOT_IN, setting


def status(session: Session, live: LiveIndexes) -> Status:
    """See `KnowledgeBase.status`."""
    identity = session.identity
    with session.reading() as db:
        sizes = _sizes(session.folder)
        current = generations.pointers(db)
        accounts = [source.account for source in reading.sources(db).values()]
        return Status(
            path=str(session.folder),
            **reading.counts(db),
            incomplete=one(db, "select count(*) from sources where not complete"),
            orphans=len(reading.orphans(db, sentences=identity.has_sentences)),
            seq=session.seq,
            bytes=sizes,
            identity=identity.told(FORMAT),
            indexes=live.specs,
            automatic=None if (chosen := automatic_index.choice(db)) is None else str(chosen),
            generations=tuple(_generation(db, session.folder, current[spec]) for spec in live.every if spec in current),
            disk_bytes=sum(sizes.values()),
            account=total(accounts),
            remarked=sum(bool(account.lines) for account in accounts),
            may_miss_documents=setting(db, LOST) is not None,
            purge_due=removal.is_due(session),
            not_in=json.loads(setting(db, NOT_IN) or "{}"),
            hidden=tuple(hiding.hidden(db)),
            languages=reading.languages(db),
        )


def _generation(db: Connection, folder: Path, pointer: Pointer) -> GenerationInfo:
    tail = one(db, "select count(*) from changes where seq > ? and op <> 0", pointer.seq)
    memory = loaded_bytes(folder / GENERATIONS / pointer.folder)
    return GenerationInfo(pointer.spec, pointer.name, pointer.seq, generations.size(folder, pointer), tail, memory)


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {"store": 0, "log": 0, "indexes": 0, "other": 0}
    for path in _files(folder):
        name = path.relative_to(folder).parts[0]
        part = {DATABASE: "store", DATABASE + "-wal": "log", DATABASE + "-shm": "log", GENERATIONS: "indexes"}.get(
            name, "other"
        )
        with contextlib.suppress(FileNotFoundError):  # a writer may be at work
            sizes[part] += path.lstat().st_size
    return sizes


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path
