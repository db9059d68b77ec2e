"""Queries: sources, documents, chunks, vectors; each takes many and is one trip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...documents.account import Account
from ...documents.document import Document, composed, context_text
from ...errors import InvalidInput
from ...filters import Filter
from .. import reading
from ..granularity import is_late
from ..identity import Identity
from ..records import ChunkPlace, ChunkRecord, SourceInfo
from .connection import Connection, Row
from .escaping import escaped, unescaped
from .filters import CHUNKS, condition
from .id_arrays import fetched
from .rows import name_key

_CHUNK = """
    select c.id, d.name, s.name, d.title, d.type, d.metadata, c.ordinal, c.start, c."end", c.heading, c.page, c.row,
           c.text, c.document, case when row_number() over (partition by d.id) = 1 then d.sections end
    from chunks c join documents d on d.id = c.document join sources s on s.id = d.source where c.id = any(%s)
"""
_DOCUMENT = """
    select d.name, d.text, s.name, d.title, d.type, d.sections, d.metadata, d.modified, s.sha256, s.location, d.boxes,
           d.digest, d.id
    from documents d join sources s on s.id = d.source
"""
_BLOCK = 500


def numbers(ids: Iterable[int]) -> list[int]:
    """Return ids as the server takes them."""
    return ids.tolist() if isinstance(ids, np.ndarray) else [int(i) for i in ids]


def sources(db: Connection) -> dict[str, SourceInfo]:
    """Return all sources by name. One whose documents are not all there any more counts as incomplete."""
    query = """
        select s.name, s.sha256, s.location, coalesce(n.held, 0), s.complete, s.produced, s.modified, s.stamp, s.account
        from sources s left join (select source, count(*) as held from documents group by source) n on n.source = s.id
        order by s.name
    """
    return {
        unescaped(name): SourceInfo(
            unescaped(sha256),
            unescaped(location),
            held,
            bool(complete) and produced == held,
            modified,
            unescaped(stamp),
            Account.of(json.loads(unescaped(account))),
        )
        for name, sha256, location, held, complete, produced, modified, stamp, account in db.rows(query)
    }


def chunks(db: Connection, ids: Iterable[int]) -> list[ChunkRecord]:
    """Return chunks in the order of ``ids``."""
    wanted = numbers(ids)
    if not wanted:
        return []
    rows = db.rows(_CHUNK, (wanted,))
    sections = {document: rest for *_, document, rest in rows if rest is not None}  # once for all chunks of a document
    found = {row[0]: reading.record_of(_row(row, sections[row[-2]])) for row in rows}
    if len(found) < len(set(wanted)):
        reading.refuse_unknown(wanted, found)
    return [found[i] for i in wanted]


def _row(row: Row, sections: str) -> tuple[Any, ...]:
    id_, document, source, title, type_, metadata, ordinal, start, end, heading, page, first, text, *_ = row
    names = (unescaped(document), unescaped(source), unescaped(title), unescaped(type_))
    path = json.dumps([unescaped(each) for each in heading])
    return (id_, *names, metadata, ordinal, start, end, path, page, first, unescaped(text), sections)


def places(db: Connection, documents: Iterable[str]) -> list[ChunkPlace]:
    """Return where the chunks of documents are."""
    names = list(documents)
    query = """select c.id, d.key, c.start, c."end" from documents d join chunks c on c.document = d.id
               where d.key = any(%s) order by c.id"""
    keys = {name_key(name): name for name in names}
    found: dict[str, list[ChunkPlace]] = {}
    for id_, key, start, end in db.rows(query, (list(keys),)):
        found.setdefault(keys[key], []).append(ChunkPlace(id_, keys[key], start, end))
    return [place for name in names for place in found.get(name, ())]


def chunk_ids(db: Connection) -> NDArray[np.int64]:
    """Return the ids of all chunks: int64, ascending."""
    return fetched(db, "select array_agg(id order by id) from chunks")


def allowed_ids(db: Connection, where: Filter | None) -> NDArray[np.int64]:
    """Return the ids of the chunks that a filter allows: int64, ascending."""
    test, values = condition(where)
    return fetched(db, f"select array_agg(c.id order by c.id) from {CHUNKS} where {test}", values)  # noqa: S608 - parameters only


def vectors(db: Connection, ids: Iterable[int], dim: int) -> NDArray[np.float32]:
    """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
    wanted = numbers(ids)
    rows = db.rows("select id, vector from chunks where id = any(%s)", (wanted,))
    found = {id_: vector.to_numpy() for id_, vector in rows}
    if len(found) < len(set(wanted)):
        reading.refuse_unknown(wanted, found)
    return np.array([found[i] for i in wanted], np.float32).reshape(len(wanted), dim)


def sentence_vectors(
    db: Connection, ids: Iterable[int], identity: Identity
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the embeddings of the sentences of chunks, float32 of shape (n, dim), and the chunk of each."""
    wanted = numbers(ids)
    rows = db.rows("select chunk, ordinal, vector from sentences where chunk = any(%s)", (wanted,))
    at = {id_: n for n, id_ in enumerate(wanted)}
    rows.sort(key=lambda row: (at[row[0]], row[1]))
    kind = np.float16 if is_late(identity.granularity) else np.float32
    found = np.array([row[2].to_numpy() for row in rows], kind).reshape(len(rows), identity.dim)
    return found.astype(np.float32), np.array([row[0] for row in rows], np.int64)


def token_codes(db: Connection, ids: Iterable[int]) -> list[bytes | None]:
    """Return the codes of the states of chunks' tokens, in the order of ``ids``; None for a chunk without."""
    wanted = numbers(ids)
    rows = db.rows("select id, tokens from chunks where id = any(%s)", (wanted,))
    found: dict[int, bytes | None] = {row[0]: row[1] for row in rows}
    return [found.get(i) for i in wanted]


def terms_texts(db: Connection, ids: Iterable[int]) -> list[str]:
    """Return the texts embedded and indexed for chunks, in the order of ``ids``."""
    wanted = numbers(ids)
    query = """select c.id, d.title, c.heading, c.text from chunks c join documents d on d.id = c.document
               where c.id = any(%s)"""
    found = {
        id_: context_text(unescaped(title), tuple(unescaped(each) for each in heading), unescaped(text))
        for id_, title, heading, text in db.rows(query, (wanted,))
    }
    return [found[i] for i in wanted]


def document(db: Connection, name: str) -> Document:
    """Return a document by its id."""
    keys = [name_key(each) for each in dict.fromkeys((name, composed(name)))]
    for row in db.rows(_DOCUMENT + "where d.key = any(%s)", (keys,)):
        return document_of(row)
    raise InvalidInput(f"no document {name!r} in this knowledge base; `document_ids()` lists them")


def document_of(row: Row) -> Document:
    """Return the document of a row."""
    name, text, source, title, type_, sections, metadata, modified, sha256, location, boxes = row[:11]
    names = (unescaped(name), unescaped(text), unescaped(source), unescaped(title), unescaped(type_))
    return reading.document_of((*names, sections, metadata, modified, unescaped(sha256), unescaped(location), boxes))


def documents(db: Connection) -> Iterator[tuple[int, Document, str]]:
    """Yield all documents with their rows and digests, source by source, in bounded memory."""
    rows = [row[0] for row in db.rows("select id from documents order by source, id")]
    for start in range(0, len(rows), _BLOCK):
        yield from documents_of(db, rows[start : start + _BLOCK])


def documents_of(db: Connection, rows: list[int]) -> Iterator[tuple[int, Document, str]]:
    """Yield the documents of rows, with these and their digests."""
    found = {row[12]: row for row in db.rows(_DOCUMENT + "where d.id = any(%s)", (rows,))}
    for id_ in rows:
        yield id_, document_of(found[id_]), found[id_][11]


def digests(db: Connection, names: Iterable[str]) -> dict[str, str]:
    """Return `Document.digest` by id, of those that are there."""
    keys = {name_key(name): name for name in names}
    return {keys[key]: digest for key, digest in db.rows(_DIGESTS, (list(keys),))}


_DIGESTS = "select key, digest from documents where key = any(%s)"


def modified(db: Connection, names: Iterable[str]) -> dict[str, float]:
    """Return when documents were modified, seconds since 1970; without those of unknown time."""
    keys = {name_key(name): name for name in names}
    query = "select key, modified from documents where key = any(%s) and modified is not null"
    return {keys[key]: moment for key, moment in db.rows(query, (list(keys),))}


def document_ids(db: Connection, where: Filter | None) -> list[str]:
    """Return the ids of all documents, sorted; or of those that a filter allows."""
    if where is None:
        return [unescaped(row[0]) for row in db.rows("select name from documents order by name")]
    test, values = condition(where)
    query = f"select distinct d.name from {CHUNKS} where {test} order by d.name"  # noqa: S608 - parameters only
    return [unescaped(row[0]) for row in db.rows(query, values)]


def setting(db: Connection, name: str) -> str | None:
    """Return a text that is kept, if there is one."""
    found = db.one("select value from settings where name = %s", (escaped(name),))
    return None if found is None else unescaped(found)


def settings(db: Connection) -> dict[str, str]:
    """Return all texts that are kept."""
    return {unescaped(name): unescaped(value) for name, value in db.rows("select name, value from settings")}


def keep_setting(db: Connection, name: str, value: str | None) -> None:
    """Keep a text, inside the caller's transaction; None deletes it."""
    if value is None:
        db.execute("delete from settings where name = %s", (escaped(name),))
    else:
        db.execute(
            "insert into settings values (%s, %s) on conflict (name) do update set value = excluded.value",
            (escaped(name), escaped(value)),
        )


def embeddings(db: Connection) -> tuple[int, int]:
    """Return how many embeddings there are, and how many of them nothing uses."""
    count = """select (select count(distinct key) from chunks),
        (select count(distinct s.key) from sentences s where not exists (select 1 from chunks c where c.key = s.key)),
        (select count(*) from cached x where not exists (select 1 from chunks c where c.key = x.key)
            and not exists (select 1 from sentences s where s.key = x.key))"""
    chunks, sentences, unused = db.rows(count)[0]
    return chunks + sentences + unused, unused
