"""The documents of a knowledge base in PostgreSQL as they would be added again, with their embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pgvector import HalfVector, Vector

from ...documents.document import Chunk
from ..writing import ChunkSentence, Exported, Prepared
from . import reading
from .connection import Connection
from .escaping import unescaped

_BLOCK = 256


def exported(db: Connection) -> Iterator[Exported]:
    """Yield all documents, source by source, some at a time."""
    rows = [row[0] for row in db.rows("select id from documents order by source, id")]
    for start in range(0, len(rows), _BLOCK):
        yield _block(db, rows[start : start + _BLOCK])


def _block(db: Connection, rows: list[int]) -> Exported:
    embedded: dict[bytes, tuple[bytes, bytes | None]] = {}
    sentences: dict[int, list[ChunkSentence]] = {}
    query = """select s.chunk, s.start, s."end", s.key, s.vector from sentences s join chunks c on c.id = s.chunk
               where c.document = any(%s) order by s.chunk, s.ordinal"""
    for chunk, start, end, key, vector in db.rows(query, (rows,)):
        sentences.setdefault(chunk, []).append(ChunkSentence(start, end, key))
        embedded[key] = (_blob(vector), None)
    chunks: dict[int, list[tuple[int, Chunk, bytes]]] = {}
    query = """select document, id, start, "end", text, heading, page, key, vector, tokens from chunks
               where document = any(%s) order by document, ordinal"""
    for document, chunk, start, end, text, heading, page, key, vector, tokens in db.rows(query, (rows,)):
        made = Chunk(start, end, unescaped(text), tuple(unescaped(each) for each in heading), page)
        chunks.setdefault(document, []).append((chunk, made, key))
        embedded[key] = (_blob(vector), tokens)
    languages = {row[0]: row[1] for row in db.rows("select id, language from documents where id = any(%s)", (rows,))}
    steps = []
    for row, document, digest in reading.documents_of(db, rows):
        own = chunks.get(row, [])
        parts = [sentences.get(chunk, []) for chunk, _, _ in own]
        made_of, keys = [made for _, made, _ in own], [key for _, _, key in own]
        steps.append(Prepared(document, digest, made_of, keys, parts, language=languages[row]))
    return Exported(steps, embedded)


def _blob(vector: Vector | HalfVector) -> bytes:
    kind = np.float16 if isinstance(vector, HalfVector) else np.float32
    return np.asarray(vector.to_numpy(), kind).tobytes()
