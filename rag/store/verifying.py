"""Verify that every byte is as it was written, and that store and indexes hold the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Document, context_text
from ..errors import StoreCorrupt, StoreMismatch
from ..terms import Analyser
from . import blobs, contents, generations, reading, recall
from .contents import ChunkVectors
from .database import DATABASE, Connection
from .generations import AnyIndex, Pointer
from .granularity import part_text
from .identity import Identity
from .leftovers import leftovers
from .records import Problem, VerifyReport
from .session import Session

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
            specs = tuple(json.loads(db.execute("select value from meta where key = 'indexes'").get))
            for spec in contents.every(session.identity, specs):
                problems += _index(session, db, spec, sizes)
            return _report(session, db, problems, sizes)
    except StoreCorrupt as error:
        return VerifyReport(0, 0, 0, 0, {}, (Problem(DATABASE, "damaged", 1, (), str(error)),))


def expected_ids(db: Connection, what: ChunkVectors, index: AnyIndex, seq: int) -> Ids:
    """Return the ids that an index which covers change ``seq`` must hold.

    The store does not know the sentences of chunks removed since: those that the index holds are taken as right.
    """
    ids = what.ids(db)
    first: dict[int, int] = {}
    for chunk, op in db.execute("select chunk, op from changes where seq > ? and op <> 0 order by seq", (seq,)):
        first.setdefault(chunk, op)
    added = np.array([chunk for chunk, op in first.items() if op > 0], np.int64)
    removed = np.array(sorted(chunk for chunk, op in first.items() if op < 0), np.int64)
    return np.union1d(ids[~np.isin(what.chunks(ids), added)], what.held(index, removed))


def _report(session: Session, db: Connection, problems: list[Problem], sizes: dict[str, int]) -> VerifyReport:
    return VerifyReport(
        **reading.counts(db),
        indexes=sizes,
        problems=tuple(problems),
        orphans=tuple(reading.orphans(db, sentences=session.identity.has_sentences)),
        leftovers=tuple(leftovers(session.folder, db)),
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
    """Find sources that have lost documents since they were completed."""
    query = """select s.name, s.produced - count(d.id) from sources s left join documents d on d.source = s.id
               where s.complete group by s.id having s.produced <> count(d.id) order by s.name"""
    rows = list(db.execute(query))
    if rows:
        yield Problem(DATABASE, "lost documents", sum(row[1] for row in rows), tuple(row[0] for row in rows))


def _contents(session: Session, db: Connection) -> Iterator[Problem]:
    """Compare documents with their digests, chunks with their spans, embeddings with their texts."""
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
    query = """select c.id, c.start, c."end", c.heading, c.text, e.key, e.vector, e.tokens is not null
               from chunks c join documents d on d.id = c.document left join embeddings e on e.id = c.embedding
               where d.name = ?"""
    for chunk, start, end, heading, text, key, vector, tokens in db.execute(query, (document.id,)):
        if document.text[start:end] != text:
            yield "span", chunk
        path = tuple(json.loads(heading))
        sound = key == identity.key(context_text(document.title, path, text)) and blobs.sound(vector, identity.dim)
        sound = sound and tokens >= identity.has_tokens
        if not sound or (identity.has_sentences and not _sentences_sound(identity, db, document, chunk)):
            yield "vector", chunk


def _sentences_sound(identity: Identity, db: Connection, document: Document, chunk: int) -> bool:
    """Say whether a chunk has sentences, numbered without a gap, and each the embedding of its text."""
    begin, heading, text = db.execute("select start, heading, text from chunks where id = ?", (chunk,)).get
    whole = context_text(document.title, tuple(json.loads(heading)), text)
    above = whole[: len(whole) - len(text)]
    query = """select s.ordinal, s.start, s."end", e.key, e.vector
               from sentences s left join embeddings e on e.id = s.embedding where s.chunk = ? order by s.ordinal"""
    rows = list(db.execute(query, (chunk,)))
    return bool(rows) and all(
        ordinal == n
        and key == identity.key(part_text(identity.granularity, above, text, (start - begin, end - begin)))
        and blobs.sound(vector, identity.dim)
        for n, (ordinal, start, end, key, vector) in enumerate(rows)
    )


def _index(session: Session, db: Connection, spec: str, sizes: dict[str, int]) -> Iterator[Problem]:
    pointer: Pointer | None = generations.pointers(db).get(spec)
    if pointer is None:  # it is built in memory when it is searched
        return
    try:
        index = generations.load(session.folder, pointer)
    except (StoreCorrupt, StoreMismatch) as error:
        kind = "damaged" if isinstance(error, StoreCorrupt) else "outdated"
        yield Problem(pointer.name, kind, 1, (), str(error))
        return
    what = contents.content(session.identity, spec, _no_terms)
    held = index.ids()
    sizes[spec] = len(held)
    expected = expected_ids(db, what, index, pointer.seq)
    for kind, ids in (("missing", np.setdiff1d(expected, held)), ("extra", np.setdiff1d(held, expected))):
        if len(ids):
            chunks = np.unique(what.chunks(ids)).tolist()
            yield Problem(pointer.name, kind, len(ids), tuple(chunks))
    missed, figures = recall.shortfall(db, what, index, session.identity.metric)
    if missed:
        yield Problem(pointer.name, "recall", missed, (), figures)


def _no_terms() -> Analyser:
    raise AssertionError("ids are compared, no text is read")
