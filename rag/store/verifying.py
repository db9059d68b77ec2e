"""Whether every byte is what was written, and whether store and indexes hold the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..documents import Document, context_text
from ..errors import StoreCorrupt
from . import generations, reading
from .database import DATABASE, Connection
from .generations import Pointer
from .identity import Identity
from .reading import one
from .records import Problem, VerifyReport
from .session import NEW, Session

Ids = NDArray[np.int64]


def verify(session: Session) -> VerifyReport:
    """See `KnowledgeBase.verify`."""
    try:
        with session.reading() as db:
            problems = list(_pages(db))
            if problems:  # nothing that is read from such a file means anything
                return VerifyReport(0, 0, 0, 0, {}, tuple(problems))
            problems += [*_references(db), *_lost(db)]
            problems += _contents(session, db)
            sizes: dict[str, int] = {}
            for spec in json.loads(db.execute("select value from meta where key = 'indexes'").get):
                problems += _index(session, db, spec, sizes)
            return _report(session, db, problems, sizes)
    except StoreCorrupt as error:
        return VerifyReport(0, 0, 0, 0, {}, (Problem(DATABASE, "damaged", 1, (), str(error)),))


def expected_ids(db: Connection, seq: int) -> Ids:
    """Return the ids that an index which covers change ``seq`` must hold."""
    held = set(reading.chunk_ids(db).tolist())
    first: dict[int, int] = {}
    for chunk, op in db.execute("select chunk, op from changes where seq > ? and op <> 0 order by seq", (seq,)):
        first.setdefault(chunk, op)
    added = {chunk for chunk, op in first.items() if op > 0}
    removed = {chunk for chunk, op in first.items() if op < 0}
    return np.array(sorted((held - added) | removed), np.int64)


def leftovers(folder: Path, db: Connection) -> list[str]:
    """Return the names of files that nothing needs: replaced indexes, stumps of killed writers, damaged originals."""
    found = [str(path.relative_to(folder)) for path in generations.leftovers(folder, generations.pointers(db))]
    found += [
        path.name for path in sorted(folder.glob(f"{DATABASE}.*")) if path.name.startswith((NEW, DATABASE + ".damaged"))
    ]
    return found


def _report(session: Session, db: Connection, problems: list[Problem], sizes: dict[str, int]) -> VerifyReport:
    orphans = db.execute("select id from embeddings where id not in (select embedding from chunks) order by id")
    return VerifyReport(
        one(db, "select count(*) from sources"),
        one(db, "select count(*) from documents"),
        one(db, "select count(*) from chunks"),
        one(db, "select count(*) from embeddings"),
        sizes,
        tuple(problems),
        tuple(row[0] for row in orphans),
        tuple(leftovers(session.folder, db)),
    )


def _pages(db: Connection) -> Iterator[Problem]:
    """Read every page: its checksum, the trees and indices."""
    said = [row[0] for row in db.execute("pragma integrity_check(100)")]
    if said != ["ok"]:
        yield Problem(DATABASE, "damaged", len(said), (), "; ".join(said[:3]))


def _references(db: Connection) -> Iterator[Problem]:
    broken = [(row[0], row[1]) for row in db.execute("pragma foreign_key_check")]
    if broken:
        yield Problem(DATABASE, "reference", len(broken), tuple(row for _, row in broken), f"rows of {broken[0][0]}")


def _lost(db: Connection) -> Iterator[Problem]:
    """Find sources that were completed with more documents than they have."""
    query = """select s.name, s.produced - count(d.id) from sources s left join documents d on d.source = s.id
               where s.complete group by s.id having s.produced <> count(d.id) order by s.name"""
    rows = list(db.execute(query))
    if rows:
        yield Problem(DATABASE, "lost documents", sum(row[1] for row in rows), tuple(row[0] for row in rows))


def _contents(session: Session, db: Connection) -> Iterator[Problem]:
    """Compare documents with their digests, chunks with their spans, embeddings with what they are of."""
    found: dict[str, list[int | str]] = {"digest": [], "span": [], "vector": []}
    for document in reading.documents(db):
        if document.digest() != db.execute("select digest from documents where name = ?", (document.id,)).get:
            found["digest"].append(document.id)
        for kind, chunk in chunk_problems(session.identity, db, document):
            found[kind].append(chunk)
    for kind, ids in found.items():
        if ids:
            yield Problem(DATABASE, kind, len(ids), tuple(ids))


def chunk_problems(identity: Identity, db: Connection, document: Document) -> Iterator[tuple[str, int]]:
    """Yield (kind, chunk id) for the chunks of a document that are not its text, or whose embedding is not theirs."""
    query = """select c.id, c.start, c."end", c.heading, c.text, e.key, e.vector
               from chunks c join documents d on d.id = c.document left join embeddings e on e.id = c.embedding
               where d.name = ?"""
    for chunk, start, end, heading, text, key, vector in db.execute(query, (document.id,)):
        if document.text[start:end] != text:
            yield "span", chunk
        of = context_text(document.title, tuple(json.loads(heading)), text)
        if key != identity.key(of) or not _sound(vector, identity.dim):
            yield "vector", chunk


def _sound(vector: bytes | None, dim: int) -> bool:
    return vector is not None and len(vector) == 4 * dim and bool(np.isfinite(np.frombuffer(vector, np.float32)).all())


def _index(session: Session, db: Connection, spec: str, sizes: dict[str, int]) -> Iterator[Problem]:
    pointer: Pointer | None = generations.pointers(db).get(spec)
    if pointer is None:  # it is built in memory when it is searched
        return
    try:
        held = generations.load(session.folder, pointer).ids()
    except StoreCorrupt as error:
        yield Problem(pointer.name, "damaged", 1, (), str(error))
        return
    sizes[spec] = len(held)
    expected = expected_ids(db, pointer.seq)
    for kind, ids in (("missing", np.setdiff1d(expected, held)), ("extra", np.setdiff1d(held, expected))):
        if len(ids):
            yield Problem(pointer.name, kind, len(ids), tuple(ids.tolist()))
