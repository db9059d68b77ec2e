"""Queries of the database: sources, documents, chunks, vectors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents.account import Account
from ..documents.boxes import boxes_of
from ..documents.document import Document, composed, context_text
from ..documents.sections import sections_from, sections_of
from ..errors import InvalidInput
from . import blobs
from .database import Connection
from .granularity import sentence_ids
from .records import ChunkPlace, ChunkRecord, SourceInfo

_CHUNK = """
    select c.id, d.name, s.name, d.title, d.type, d.metadata, c.ordinal, c.start, c."end", c.heading, c.page, c.row,
           c.text, d.sections
    from chunks c join documents d on d.id = c.document join sources s on s.id = d.source where c.id = ?
"""
_DOCUMENT = """
    select d.name, d.text, s.name, d.title, d.type, d.sections, d.metadata, d.modified, s.sha256, s.location,
           d.boxes
    from documents d join sources s on s.id = d.source
"""
_DOCUMENTS = (
    _DOCUMENT.replace("d.boxes", "d.boxes, d.id, d.digest, d.language")  # noqa: S608 - no value among them
    + "where d.id in (select value from json_each(?))"
)


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
        refuse_unknown(wanted, [row[0] for row in rows])
    return [record_of(row) for row in rows]


def places(db: Connection, documents: Iterable[str]) -> list[ChunkPlace]:
    """Return where the chunks of documents are, without reading their texts and sections."""
    query = """select c.id, d.name, c.start, c."end" from documents d join chunks c on c.document = d.id
        where d.name = ? order by c.id"""
    return [ChunkPlace(*row) for row in db.executemany(query, ((name,) for name in documents))]


def record_of(row: tuple[Any, ...]) -> ChunkRecord:
    """Return the record of a row of `_CHUNK`, whose heading, metadata and sections are JSON."""
    id_, document, source, title, type_, metadata, ordinal, start, end, heading, page, first_row, text, sections = row
    path = tuple(json.loads(heading)) if heading != "[]" else ()
    facts = json.loads(metadata) if metadata != "{}" else {}
    near = [each for each in _rows_of(sections) if each[0] < end and each[1] > start]
    places = sections_from(sections_of(near), start, first_row) if near else ()
    return ChunkRecord(id_, document, source, title, type_, facts, ordinal, start, end, path, page, text, places)


@lru_cache(maxsize=64)
def _rows_of(sections: str) -> tuple[Any, ...]:
    """Read a document's sections; chunks that are found together are of few documents, and these may have thousands."""
    return tuple(json.loads(sections))


def refuse_unknown(wanted: Sequence[int], found: Iterable[int]) -> None:
    """Refuse chunk ids that were not found."""
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
        refuse_unknown(wanted, [row[0] for row in marks])
    return blobs.vectors(found, dim)


def token_codes(db: Connection, ids: Iterable[int]) -> list[bytes | None]:
    """Return the codes of the states of chunks' tokens, in the order of ``ids``; None for a chunk without."""
    query = "select c.id, e.tokens from chunks c join embeddings e on e.id = c.embedding where c.id = ?"
    wanted = [int(i) for i in ids]
    found = dict(db.executemany(query, ((i,) for i in wanted)))
    return [found.get(i) for i in wanted]


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
        return document_of(row)
    raise InvalidInput(f"no document {name!r} in this knowledge base; `document_ids()` lists them")


def document_row(db: Connection, id_: int) -> tuple[Document, str]:
    """Return a document by its row id, with the digest it had when it was stored."""
    digest = db.execute("select digest from documents where id = ?", (id_,)).get
    return document_of(db.execute(_DOCUMENT + "where d.id = ?", (id_,)).get), digest


def document_rows(db: Connection, ids: Sequence[int]) -> Iterator[tuple[int, Document, str, str]]:
    """Yield documents by their row ids, with these, the digest they had when they were stored and the language."""
    rows = {row[11]: row for row in db.execute(_DOCUMENTS, (json.dumps(list(ids)),))}
    for id_ in ids:
        row = rows[id_]
        yield id_, document_of(row[:11]), row[12], row[13]


def digests(db: Connection, names: Iterable[str] | None = None) -> dict[str, str]:
    """Return `Document.digest` by id, of all documents or of those that are there."""
    if names is None:
        return dict(db.execute("select name, digest from documents"))
    return dict(db.executemany("select name, digest from documents where name = ?", ((name,) for name in names)))


def text_of(db: Connection, name: str) -> str | None:
    """Return a document's text; None where there is no such document."""
    text: str | None = db.execute("select text from documents where name = ?", (name,)).get
    return text


def modified(db: Connection, names: Iterable[str]) -> dict[str, float]:
    """Return when documents were modified, seconds since 1970; without those of unknown time."""
    query = "select name, modified from documents where name = ? and modified is not null"
    return dict(db.executemany(query, ((name,) for name in names)))


def documents(db: Connection) -> Iterator[Document]:
    """Yield all documents in the order of their ids."""
    for row in db.execute(_DOCUMENT + "order by d.name"):
        yield document_of(row)


def document_ids(db: Connection, chunks: tuple[str, list[Any]] | None = None) -> list[str]:
    """Return the ids of all documents, sorted; or of those that have one of the chunks that a query gives."""
    if chunks is None:
        return [row[0] for row in db.execute("select name from documents order by name")]
    query, values = chunks
    own = f"select document from chunks where id in ({query})"  # noqa: S608 - all values are parameters
    found = db.execute(f"select name from documents where id in ({own}) order by name", values)  # noqa: S608 - as above
    return [row[0] for row in found]


def document_of(row: tuple[Any, ...]) -> Document:
    """Return the document of a row of `_DOCUMENT`, whose sections, metadata and boxes are JSON."""
    name, text, source, title, type_, sections, metadata, modified, sha256, location, boxes = row
    spans, facts = sections_of(json.loads(sections)), json.loads(metadata)
    drawn = boxes_of(json.loads(boxes))
    return Document(name, text, source, title, type_, spans, facts, modified, sha256, location, boxes=drawn)


def counts(db: Connection) -> dict[str, int]:
    """Return the numbers of sources, documents, chunks and embeddings."""
    tables = ("sources", "documents", "chunks", "embeddings")
    return {table: one(db, f"select count(*) from {table}") for table in tables}  # noqa: S608 - names from this line


def languages(db: Connection) -> dict[str, int]:
    """Return how many documents each language has, the commonest first; without those of unknown language."""
    query = "select language, count(*) from documents where language <> '' group by language order by 2 desc, 1"
    return dict(db.execute(query))


def one(db: Connection, query: str, *values: object) -> int:
    """Return the single number that a query returns."""
    return int(db.execute(query, values).get or 0)
