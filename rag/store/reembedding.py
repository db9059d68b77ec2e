"""Make a knowledge base anew with another model, chunker or language, from the documents that it holds.

The new one grows beside the old one, in a folder of its own, by the same commits as any ingest; a killed run goes on
where it was. The old one is searched until the new one is whole, and then replaced within one transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..documents.document import Document
from ..embedding.protocol import EmbedderLike
from ..errors import RagError
from . import database, generations, reading
from .database import Connection
from .document_rows import drop_document
from .faults import file_faults, sqlite_faults
from .granularity import AUTO
from .identity import Identity
from .leftovers import REEMBEDDING
from .live import LiveIndexes
from .lock import WriterLock
from .making import StoreTools, new_identity
from .pipeline import OnProgress, Pipeline
from .records import AddReport
from .session import Session, clear
from .session_writing import SessionWriting

if TYPE_CHECKING:
    from ..chunking import Chunker

_CALIBRATIONS = "setting:calibration:"


def reembed(
    folder: Path,
    embedder: EmbedderLike | None,
    *,
    chunker: Chunker | str | None,
    analyser: str | None,
    granularity: str | None,
    wait: float,
    on_progress: OnProgress | None,
) -> AddReport:
    """See `KnowledgeBase.reembed`."""
    with Session.open(folder, "w", wait=wait):  # brings an older format up to date, and takes the log in
        pass
    lock = WriterLock(folder)
    lock.acquire(wait)
    try:
        with Session.open(folder) as old:
            known = old.identity
            tools = StoreTools(
                folder,
                embedder if embedder is not None else StoreTools(folder, identity=known).embedder,
                chunker or known.chunker,
                analyser or known.analyser.rpartition("-")[0],
            )
            wanted = new_identity(tools, known.indexes, known.metric, granularity or AUTO)
            if embedder is None:
                wanted = replace(wanted, reference=known.reference)
            if replace(wanted, store=known.store) == known:
                clear(folder / REEMBEDDING)
                with old.reading() as db:
                    return AddReport(unchanged=reading.counts(db)["documents"])
            with contextlib.closing(_begun(folder / REEMBEDDING, wanted)) as new:
                report = _filled(new, old, tools, on_progress)
                _indexed(new, folder, tools)
        _put_in_place(folder)
        lock.write(None)
    finally:
        lock.release()
    with Session.open(folder, "w", wait=wait) as session:
        LiveIndexes(session, lambda: tools.analyser).sweep()
    clear(folder / REEMBEDDING)
    return report


def _begun(aside: Path, wanted: Identity) -> Session:
    """Open what a killed run has made, if it was for the same; make it anew otherwise."""
    if aside.exists():
        with contextlib.suppress(RagError):
            session = Session.open(aside, "w")
            if replace(wanted, store=session.identity.store) == session.identity:
                return session
            session.close()
        clear(aside)
    return Session.create(aside, wanted)


def _filled(new: Session, old: Session, tools: StoreTools, on_progress: OnProgress | None) -> AddReport:
    """Bring the new store to what the old one holds."""
    if _embeds_alike(new.identity, old.identity):
        with old.reading() as source, new.writing() as db:
            rows = source.execute("select key, vector, tokens from embeddings")
            insert = "insert into embeddings (key, vector, tokens) values (?, ?, ?) on conflict do nothing"
            db.executemany(insert, rows)
    pipeline = Pipeline(SessionWriting(new), lambda: tools.embedder, lambda: tools.chunker, on_progress=on_progress)
    report = pipeline.run(_documents(old))
    with old.reading() as source, new.writing() as db:
        names = frozenset(reading.document_ids(source))
        for name in reading.document_ids(db):
            if name not in names:  # removed while an earlier run rested
                drop_document(db, db.execute("select id from documents where name = ?", (name,)).get)
        _copy_sources(source, db)
        db.execute("delete from meta where key like 'setting:%'")
        kept = [row for row in _settings(source) if not row[0].startswith(_CALIBRATIONS)]
        db.executemany("insert into meta values (?, ?)", kept)
        unused = reading.orphans(db, sentences=new.identity.has_sentences)
        db.executemany("delete from embeddings where id = ?", ((row,) for row in unused))
    return report


def _embeds_alike(new: Identity, old: Identity) -> bool:
    same = (new.embedder, new.revision, new.dim) == (old.embedder, old.revision, old.dim)
    return same and new.has_tokens <= old.has_tokens


def _documents(old: Session) -> Iterator[Document]:
    """Yield all documents, source by source, as they were added."""
    with old.reading() as db:
        rows = [row[0] for row in db.execute("select id from documents order by source, id")]
    for row in rows:
        with old.reading() as db:
            document, _ = reading.document_row(db, row)
        yield document


_SOURCE = "name, sha256, location, modified, stamp, complete, produced, account"


def _copy_sources(old: Connection, new: Connection) -> None:
    """Copy what is known of the sources, so that the next ingest reads none again; one that is gone goes."""
    rows = list(old.execute(f"select {_SOURCE} from sources"))  # noqa: S608 - a constant
    new.executemany(
        f"""insert into sources ({_SOURCE}) values (?, ?, ?, ?, ?, ?, ?, ?)
        on conflict (name) do update set sha256 = excluded.sha256, location = excluded.location,
            modified = excluded.modified, stamp = excluded.stamp, complete = excluded.complete,
            produced = excluded.produced, account = excluded.account""",  # noqa: S608 - a constant
        rows,
    )
    names = {row[0] for row in rows}
    gone = [row for row in new.execute("select id, name from sources") if row[1] not in names]
    new.executemany("delete from sources where id = ?", ((row[0],) for row in gone))


def _settings(db: Connection) -> list[tuple[Any, ...]]:
    return list(db.execute("select key, value from meta where key >= 'setting:' and key < 'setting;'"))


def _indexed(new: Session, folder: Path, tools: StoreTools) -> None:
    """Build the indexes, and save them where the knowledge base will look for them."""
    with new.writing() as db:
        db.execute("delete from generations")  # a killed run's are in the knowledge base's folder, not in this one
    live = LiveIndexes(new, lambda: tools.analyser)
    fresh = [generations.save(folder, spec, live.get(spec), new.seq) for spec in live.every]
    with new.writing() as db:
        for pointer in fresh:
            generations.point(db, pointer)


def _put_in_place(folder: Path) -> None:
    """Replace every page of the database in one transaction; readers keep the old ones until they let go."""
    path, aside = folder / database.DATABASE, folder / REEMBEDDING / database.DATABASE
    with (
        file_faults(path),
        sqlite_faults(path),
        contextlib.closing(database.open_writable(path)) as db,
        contextlib.closing(database.open_readable(aside)) as new,
        db.backup("main", new, "main") as copying,
    ):
        copying.step()
