"""The documents of a folder as they would be added to another store, with their embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..documents.document import Chunk
from . import reading
from .database import Connection
from .session import Session
from .writing import ChunkSentence, Exported, Prepared

_BLOCK = 256


def exported(session: Session) -> Iterator[Exported]:
    """Yield all documents, source by source, some at a time."""
    with session.reading() as db:
        rows = [row[0] for row in db.execute("select id from documents order by source, id")]
    for start in range(0, len(rows), _BLOCK):
        with session.reading() as db:
            yield _block(db, rows[start : start + _BLOCK])


def _block(db: Connection, rows: list[int]) -> Exported:
    embedded: dict[bytes, tuple[bytes, bytes | None]] = {}
    steps = []
    for row in rows:
        document, digest = reading.document_row(db, row)
        found = db.execute("select language from documents where id = ?", (row,)).get
        chunks, keys, sentences = [], [], []
        query = """select c.id, c.start, c."end", c.heading, c.page, c.text, e.key, e.vector, e.tokens
                   from chunks c join embeddings e on e.id = c.embedding where c.document = ? order by c.ordinal"""
        for chunk, begin, end, heading, page, text, key, vector, tokens in db.execute(query, (row,)):
            chunks.append(Chunk(begin, end, text, tuple(json.loads(heading)), page))
            keys.append(key)
            embedded[key] = (vector, tokens)
            sentences.append(_sentences(db, chunk, embedded))
        steps.append(Prepared(document, digest, chunks, keys, sentences, language=found))
    return Exported(steps, embedded)


def _sentences(db: Connection, chunk: int, embedded: dict[bytes, tuple[bytes, bytes | None]]) -> list[ChunkSentence]:
    query = """select s.start, s."end", e.key, e.vector from sentences s join embeddings e on e.id = s.embedding
               where s.chunk = ? order by s.ordinal"""
    parts = []
    for start, end, key, vector in db.execute(query, (chunk,)):
        parts.append(ChunkSentence(start, end, key))
        embedded.setdefault(key, (vector, None))
    return parts
