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
            block = _block(db, rows[start : start + _BLOCK])
        yield block


def _block(db: Connection, rows: list[int]) -> Exported:
    wanted = (json.dumps(rows),)
    embedded: dict[bytes, tuple[bytes, bytes | None]] = {}
    chunks: dict[int, list[Chunk]] = {row: [] for row in rows}
    keys: dict[int, list[bytes]] = {row: [] for row in rows}
    originals: dict[int, list[int]] = {row: [] for row in rows}
    for row, chunk, begin, end, heading, page, text, key, vector, tokens in db.execute(_CHUNKS, wanted):
        path = () if heading == "[]" else tuple(json.loads(heading))
        chunks[row].append(Chunk(begin, end, text, path, page))
        keys[row].append(key)
        originals[row].append(chunk)
        embedded[key] = (vector, tokens)
    sentences: dict[int, list[ChunkSentence]] = {}
    for chunk, begin, end, key, vector in db.execute(_SENTENCES, wanted):
        sentences.setdefault(chunk, []).append(ChunkSentence(begin, end, key))
        embedded.setdefault(key, (vector, None))
    steps = []
    for row, document, digest, language in reading.document_rows(db, rows):
        own = originals[row]
        parts = [sentences.get(chunk, []) for chunk in own]
        steps.append(Prepared(document, digest, chunks[row], keys[row], parts, language=language, originals=own))
    return Exported(steps, embedded)


_CHUNKS = """select c.document, c.id, c.start, c."end", c.heading, c.page, c.text, e.key, e.vector, e.tokens
             from json_each(?) d cross join chunks c on c.document = d.value join embeddings e on e.id = c.embedding
             order by d.key, c.ordinal"""
_SENTENCES = """select s.chunk, s.start, s."end", e.key, e.vector from json_each(?) d
                cross join chunks c on c.document = d.value join sentences s on s.chunk = c.id
                join embeddings e on e.id = s.embedding order by s.chunk, s.ordinal"""
