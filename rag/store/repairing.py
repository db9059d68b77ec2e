"""Repair a damaged knowledge base: rebuild indexes from the store, and the store from its readable pages."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from ..documents.document import Document
from ..embedding.protocol import Embedder
from ..errors import StoreCorrupt, StoreMissing
from . import blobs, database, generations, reading
from .database import DATABASE, HEADER, PAGE_SIZE, Connection
from .document_rows import drop_document
from .faults import damaged, file_faults, sqlite_faults
from .identity import Identity
from .leftovers import DAMAGED, SALVAGE, leftovers
from .live import LiveIndexes
from .lock import WriterLock, acknowledged
from .making import StoreTools
from .pipeline import Pipeline
from .reading import one
from .records import RepairReport
from .session import Session, clear, last_change, looks_like_store, sync_folder
from .session_writing import SessionWriting
from .settings import LOST, keep_setting, setting
from .verifying import chunk_problems, verify

_COPY = "copy.sqlite"
_SALVAGED, _COMMITS, _BARE = "salvaged", "commits", "salvaged without settings"
_GIVE_UP = 20_000  # ids in a row that cannot be read: more than one lost inner page of a table explains
_IN_STORE = frozenset({"digest", "span", "vector", "reference"})


def repair(session: Session, live: LiveIndexes) -> RepairReport:
    """See `KnowledgeBase.repair`."""
    found = verify(session)
    if any(problem.file == DATABASE and problem.kind == "damaged" for problem in found.problems):
        raise damaged(
            DATABASE, "pages cannot be read", fix="close it and run `rag repair`, which salvages what can be read"
        )
    lost, sources = _drop_broken(session) if any(p.kind in _IN_STORE for p in found.problems) else ((), set())
    with session.reading() as db:
        sources |= {name for name, info in reading.sources(db).items() if not info.complete}
        places = {name: info.location for name, info in reading.sources(db).items()}
        stale = [name for name in leftovers(session.folder, db) if not name.startswith(DAMAGED)]
        lost_by = setting(db, LOST)
    broken = {problem.file for problem in found.problems if problem.file != DATABASE}
    with session.reading() as db:
        current = generations.pointers(db)
    due = tuple(s for s in live.every if s not in current or current[s].name in broken)
    live.forget()
    live.cut(rebuild=due)
    with file_faults(session.folder):
        for name in stale:
            clear(session.folder / name)
    return RepairReport(
        due,
        tuple(stale),
        tuple(lost),
        {name: places[name] for name in sorted(sources)},
        salvaged=lost_by in {_SALVAGED, _BARE},
        settings_lost=lost_by == _BARE,
        commits_lost=lost_by == _COMMITS,
    )


def _drop_broken(session: Session) -> tuple[tuple[str, ...], set[str]]:
    """Drop damaged documents; return them and their sources, now incomplete."""
    lost: list[str] = []
    sources: set[str] = set()
    with session.reading() as db:
        names = reading.document_ids(db)
    for name in names:
        with session.reading() as db:
            document = reading.document(db, name)
            if _is_whole(session.identity, db, document):
                continue
        with session.writing() as db:
            row, source = db.execute("select id, source from documents where name = ?", (name,)).get
            db.execute("update sources set complete = 0 where id = ?", (source,))
            drop_document(db, row)
            # A damaged vector must not be found in the cache when the document comes again.
            db.execute("delete from embeddings where length(vector) not in (?, ?)", blobs.sizes(session.identity.dim))
        lost.append(name)
        sources.add(document.source)
    return tuple(lost), sources


def _is_whole(identity: Identity, db: Connection, document: Document) -> bool:
    digest = db.execute("select digest from documents where name = ?", (document.id,)).get
    return digest == document.digest() and not any(chunk_problems(identity, db, document))


def mend(folder: Path, *, wait: float = 0.0, embedder: Embedder | str | None = None) -> RepairReport:
    """See `KnowledgeBase.mend`."""
    if not looks_like_store(folder):
        raise StoreMissing(f"no knowledge base in {folder}")
    lock = WriterLock(folder)
    lock.acquire(wait)
    try:
        salvaged = RepairReport()
        if _is_unreadable(folder):
            salvaged = _salvage(folder, embedder)
        else:
            _note_lost_commits(folder)
        lock.write(None)  # what was acknowledged is noted in the database now
    finally:
        lock.release()
    with Session.open(folder, "w", wait=wait) as session:
        tools = StoreTools(folder, embedder, identity=session.identity)
        done = repair(session, LiveIndexes(session, lambda: tools.analyser))
        with session.reading() as db:
            documents = one(db, "select count(*) from documents")
    return replace(
        done,
        documents=documents,
        lost=(*salvaged.lost, *done.lost),
        reingest={**salvaged.reingest, **done.reingest},
    )


def _note_lost_commits(folder: Path) -> None:
    """Note in the database that commits are missing which a writer acknowledged: until the next ingest it is said."""
    path, said = folder / DATABASE, acknowledged(folder)
    with contextlib.closing(database.open_writable(path)) as db, sqlite_faults(path):
        if said is not None and said.store == Identity.read(db, path).store and said.seq > last_change(db):
            with database.transaction(db):
                keep_setting(db, LOST, _COMMITS)


def _is_unreadable(folder: Path) -> bool:
    """Say whether the database itself is damaged."""
    path = folder / DATABASE
    try:
        with contextlib.closing(database.open_writable(path)) as db, sqlite_faults(path):
            Identity.read(db, path)
            return [row[0] for row in db.execute("pragma integrity_check(1)")] != ["ok"]
    except StoreCorrupt:
        return True


# ---- salvage --------------------------------------------------------------------------------------------------


def _salvage(folder: Path, embedder: Embedder | str | None) -> RepairReport:
    """Copy every document that can be read into a new database, with the embeddings that can."""
    aside = folder / SALVAGE
    with file_faults(folder):
        if aside.exists():
            clear(aside)
        aside.mkdir(mode=0o700)
        copy = aside / _COPY
        _copy_readable(folder / DATABASE, copy)
    try:
        with contextlib.closing(_open_damaged(copy)) as old, sqlite_faults(folder / DATABASE):
            report = _refill(old, copy, aside / "kb", folder, embedder)
        with file_faults(folder):
            _put_in_place(aside / "kb" / DATABASE, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _copy_readable(path: Path, copy: Path) -> None:
    """Copy a damaged database and restore its constant header and its length; page checksums judge the rest."""
    if not path.is_file() or path.is_symlink():
        raise damaged(
            DATABASE, "it is missing, or not a plain file", fix="restore it from a copy, or ingest the documents again"
        )
    shutil.copyfile(path, copy)
    log = path.with_name(DATABASE + "-wal")
    if log.is_file():
        shutil.copyfile(log, copy.with_name(_COPY + "-wal"))
    with copy.open("r+b") as file:
        file.write(HEADER)
        file.seek(28)
        pages = int.from_bytes(file.read(4), "big")
        size = file.seek(0, os.SEEK_END)
        if 0 < pages * PAGE_SIZE < size + (1 << 30):
            file.truncate(pages * PAGE_SIZE)


def _open_damaged(copy: Path) -> Connection:
    try:
        with sqlite_faults(copy):
            db = database.open_writable(copy)
            Identity.read(db, copy)
    except StoreCorrupt as error:
        text = f"{DATABASE} is damaged beyond repair: {error.__cause__ or error}"
        raise StoreCorrupt(f"{text}; delete the folder and ingest the documents again") from error
    return db


def _refill(old: Connection, copy: Path, place: Path, folder: Path, embedder: Embedder | str | None) -> RepairReport:
    identity = Identity.read(old, copy)
    tools = StoreTools(folder, embedder, identity=identity)
    known = {row[0]: row[1:] for row in _readable(old, "sources", "id, name, location, complete, produced, stamp")}
    with Session.create(place, identity) as session:
        with session.writing() as db:
            sizes = blobs.sizes(identity.dim)
            rows = (
                (key, vector)
                for _, key, vector in _readable(old, "embeddings", "id, key, vector")
                if len(vector) in sizes
            )
            db.executemany("insert into embeddings (key, vector) values (?, ?) on conflict do nothing", rows)
            settings = _readable_settings(old)
            db.executemany("insert into meta values (?, ?)", settings or ())
        pipeline = Pipeline(SessionWriting(session), lambda: tools.embedder, lambda: tools.chunker)
        pipeline.run(_readable_documents(old, known))
        reingest = {}
        with session.writing() as db:
            for name, location, complete, produced, stamp in known.values():
                kept = one(
                    db, "select count(*) from documents d join sources s on s.id = d.source where s.name = ?", name
                )
                if complete and kept == produced:
                    db.execute("update sources set stamp = ? where name = ?", (stamp, name))
                else:
                    db.execute("update sources set complete = 0 where name = ?", (name,))
                    reingest[name] = location
            keep_setting(db, LOST, _BARE if settings is None else _SALVAGED)
    return RepairReport(reingest=reingest)


def _readable_settings(db: Connection) -> list[tuple[Any, ...]] | None:
    """Return the settings kept with the knowledge base; None if their page is damaged."""
    try:
        return list(db.execute("select key, value from meta where key >= 'setting:' and key < 'setting;'"))
    except (apsw.IOError, apsw.CorruptError):
        return None


def _readable(db: Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table by id, stepping over those on damaged pages."""
    query = f"select {columns} from {table} where id > ? order by id"  # noqa: S608 - names from this file only
    last, failed = 0, 0
    while failed < _GIVE_UP:
        try:
            for row in db.execute(query, (last,)):
                yield row
                last, failed = row[0], 0
        except (apsw.IOError, apsw.CorruptError):
            last, failed = last + 1, failed + 1
        else:
            return


def _readable_documents(db: Connection, known: dict[int, tuple[Any, ...]]) -> Iterator[Document]:
    """Yield the undamaged documents, source by source."""
    rows = sorted((source, id_) for id_, source in _readable(db, "documents", "id, source") if source in known)
    for _, id_ in rows:
        with contextlib.suppress(apsw.IOError, apsw.CorruptError, ValueError):
            document, digest = reading.document_row(db, id_)
            if document.digest() == digest:
                yield document


def _put_in_place(new: Path, folder: Path) -> None:
    path = folder / DATABASE
    kept = folder / DAMAGED
    kept.unlink(missing_ok=True)
    os.link(path, kept)
    for suffix in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            clear(path.with_name(path.name + suffix))
    new.replace(path)
    sync_folder(folder)
