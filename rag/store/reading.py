"""Queries of the database: sources, documents, chunks, vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..account import Account
from ..boxes import boxes_of
from ..documents import Document, composed, context_text
from ..errors import InvalidInput
from ..sections import sections_from, sections_of
from . import blobs
from .database import Connection
from .granularity import sentence_ids
from .records import ChunkRecord, SourceInfo

_CHUNK = """
    select c.id, d.name, s.name, d.title, d.type, d.metadata, c.ordinal, c.start, c."end", c.heading, c.page, c.row,
           c.text,
           case d.sections when '[]' then d.sections else (
               select json_group_array(json(value)) from json_each(d.sections)
               where value ->> 0 < c."end" and value ->> 1 > c.start
           ) end
    from chunks c join documents d on d.id = c.document join sources s on s.id = d.source where c.id = ?
"""
_DOCUMENT = """
    select d.name, d.text, s.name, d.title, d.type, d.sections, d.metadata, d.modified, s.sha256, s.location,
           d.boxes
    from documents d join sources s on s.id = d.source
"""


def sources(db: Connection) -> dict[str, SourceInfo]:
    """Return all sources by name. One whose documents are not all there any more counts as incomplete."""
    query = """
        select s.name, s.sha256, s.location, count(d.id), s.complete and s.produced = count(d.id), s.modified, s.stamp,
            s.account
        from sources s left join documents d on d.source = s.id group by s.id order by s.name
    """
    return {
        row[0]: SourceInfo(row[1], row[2], row[3], bool(row[4]), row[5], row[6], Account.of(json.loads(row[7])))
        for row in db.execute(query)
    }


def chunks(db: Connection, ids: Iterable[int]) -> list[ChunkRecord]:
    """Return chunks in the order of ``ids``."""
    wanted = [int(i) for i in ids]
    rows = list(db.executemany(_CHUNK, ((i,) for i in wanted)))
    if len(rows) != len(wanted):
        _refuse_unknown(wanted, [row[0] for row in rows])
    return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> ChunkRecord:
    id_, document, source, title, type_, metadata, ordinal, start, end, heading, page, first_row, text, sections = row
    path = tuple(json.loads(heading)) if heading != "[]" else ()
    facts = json.loads(metadata) if metadata != "{}" else {}
    places = sections_from(sections_of(json.loads(sections)), start, first_row) if sections != "[]" else ()
    return ChunkRecord(id_, document, source, title, type_, facts, ordinal, start, end, path, page, text, places)


def _refuse_unknown(wanted: Sequence[int], found: Iterable[int]) -> None:
    known = set(found)
    missing = [i for i in wanted if i not in known]
    raise InvalidInput(f"no chunks with the ids {missing[:10]}; take ids from a search of this knowledge base")


def chunk_ids(db: Connection) -> NDArray[np.int64]:
    """Return the ids of all chunks: int64, ascending."""
    return np.fromiter((row[0] for row in db.execute("select id from chunks order by id")), np.int64)


def vectors(db: Connection, ids: Iterable[int], dim: int) -> NDArray[np.float32]:
    """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
    wanted = [int(i) for i in ids]
    query = "select e.vector from chunks c join embeddings e on e.id = c.embedding where c.id = ?"
    found = [row[0] for row in db.executemany(query, ((i,) for i in wanted))]
    if len(found) != len(wanted):
        marks = db.executemany("select id from chunks where id = ?", ((i,) for i in wanted))
        _refuse_unknown(wanted, [row[0] for row in marks])
    return blobs.vectors(found, dim)


def sentence_vectors(db: Connection, chunks: Iterable[int], dim: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the embeddings of the sentences of chunks, float32 of shape (n, dim), and the sentences' ids."""
    query = """select s.chunk, s.ordinal, e.vector from sentences s join embeddings e on e.id = s.embedding
               where s.chunk = ? order by s.ordinal"""
    rows = list(db.executemany(query, ((int(i),) for i in chunks)))
    ids = sentence_ids([row[0] for row in rows], [row[1] for row in rows])
    return blobs.vectors([row[2] for row in rows], dim), ids


def all_sentence_ids(db: Connection) -> NDArray[np.int64]:
    """Return the ids of all sentences: int64, ascending."""
    rows = list(db.execute("select chunk, ordinal from sentences order by chunk, ordinal"))
    return sentence_ids([row[0] for row in rows], [row[1] for row in rows])


def orphans(db: Connection, *, sentences: bool) -> list[int]:
    """Return the ids of embeddings that nothing uses. ``sentences`` says whether the store has any."""
    unused = "select id from embeddings where id not in (select embedding from chunks)"
    if sentences:
        unused += " and id not in (select embedding from sentences)"
    return [row[0] for row in db.execute(f"{unused} order by id")]


def terms_texts(db: Connection, ids: Iterable[int]) -> list[str]:
    """Return the texts embedded and indexed for chunks, in the order of ``ids``."""
    query = "select d.title, c.heading, c.text from chunks c join documents d on d.id = c.document where c.id = ?"
    rows = db.executemany(query, ((int(i),) for i in ids))
    return [context_text(title, tuple(json.loads(heading)), text) for title, heading, text in rows]


def document(db: Connection, name: str) -> Document:
    """Return a document by its id."""
    for row in db.execute(_DOCUMENT + "where d.name in (?, ?)", (name, composed(name))):
        return _document(row)
    raise InvalidInput(f"no document {name!r} in this knowledge base; `document_ids()` lists them")


def document_row(db: Connection, id_: int) -> tuple[Document, str]:
    """Return a document by its row id, with the digest it had when it was stored."""
    digest = db.execute("select digest from documents where id = ?", (id_,)).get
    return _document(db.execute(_DOCUMENT + "where d.id = ?", (id_,)).get), digest


def modified(db: Connection, names: Iterable[str]) -> dict[str, float]:
    """Return when documents were modified, seconds since 1970; without those of unknown time."""
    query = "select name, modified from documents where name = ? and modified is not null"
    return dict(db.executemany(query, ((name,) for name in names)))


def documents(db: Connection) -> Iterator[Document]:
    """Yield all documents in the order of their ids."""
    for row in db.execute(_DOCUMENT + "order by d.name"):
        yield _document(row)


def document_ids(db: Connection) -> list[str]:
    """Return the ids of all documents, sorted."""
    return [row[0] for row in db.execute("select name from documents order by name")]


def _document(row: tuple[Any, ...]) -> Document:
    name, text, source, title, type_, sections, metadata, modified, sha256, location, boxes = row
    spans, facts = sections_of(json.loads(sections)), json.loads(metadata)
    drawn = boxes_of(json.loads(boxes))
    return Document(name, text, source, title, type_, spans, facts, modified, sha256, location, boxes=drawn)


def counts(db: Connection) -> dict[str, int]:
    """Return the numbers of sources, documents, chunks and embeddings."""
    tables = ("sources", "documents", "chunks", "embeddings")
    return {table: one(db, f"select count(*) from {table}") for table in tables}  # noqa: S608 - names from this line


def one(db: Connection, query: str, *values: object) -> int:
    """Return the single number that a query returns."""
    return int(db.execute(query, values).get or 0)
