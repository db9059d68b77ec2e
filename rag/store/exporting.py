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
        chunks: list[Chunk] = []
        keys: list[bytes] = []
        places: dict[int, int] = {}
        query = """select c.id, c.start, c."end", c.heading, c.page, c.text, e.key, e.vector, e.tokens
                   from chunks c join embeddings e on e.id = c.embedding where c.document = ? order by c.ordinal"""
        for chunk, begin, end, heading, page, text, key, vector, tokens in db.execute(query, (row,)):
            chunks.append(Chunk(begin, end, text, tuple(json.loads(heading)), page))
            places[chunk] = len(keys)
            keys.append(key)
            embedded[key] = (vector, tokens)
        sentences: list[list[ChunkSentence]] = [[] for _ in keys]
        query = """select s.chunk, s.start, s."end", e.key, e.vector from sentences s
                   join embeddings e on e.id = s.embedding
                   where s.chunk in (select id from chunks where document = ?) order by s.chunk, s.ordinal"""
        for chunk, begin, end, key, vector in db.execute(query, (row,)):
            sentences[places[chunk]].append(ChunkSentence(begin, end, key))
            embedded.setdefault(key, (vector, None))
        steps.append(Prepared(document, digest, chunks, keys, sentences, language=found))
    return Exported(steps, embedded)
