"""The documents of a knowledge base in Milvus as they would be added again, with their embeddings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...documents.document import Chunk
from ..identity import Identity
from ..writing import ChunkSentence, Exported, Prepared
from . import reading
from .schema import CHUNKS
from .snapshots import Snapshot

_BLOCK = 256


def exported(snapshot: Snapshot, identity: Identity) -> Iterator[Exported]:
    """Yield all documents, source by source, some at a time."""
    with snapshot.facts() as db:
        rows = list(db.execute(reading.DOCUMENT_QUERY + "order by d.source, d.id"))
    for start in range(0, len(rows), _BLOCK):
        yield _block(snapshot, identity, rows[start : start + _BLOCK])


def _block(snapshot: Snapshot, identity: Identity, rows: Sequence[tuple[Any, ...]]) -> Exported:
    query = 'select id, start, "end", heading, page from chunks where document = ? order by ordinal'
    with snapshot.facts() as db:
        places = {row[0]: list(db.execute(query, (row[0],))) for row in rows}
        languages = {row[0]: db.execute("select language from documents where id = ?", (row[0],)).get for row in rows}
    ids = [place[0] for own in places.values() for place in own]
    held = snapshot.client.rows(CHUNKS, ids, ["key", "vector", "tokens"])
    embedded: dict[bytes, tuple[bytes, bytes | None]] = {}
    sentences: dict[int, list[ChunkSentence]] = {}
    for part in reading.sentences(snapshot.client, snapshot.state, ids) if identity.has_sentences else ():
        key = bytes.fromhex(part["key"])
        sentences.setdefault(part["chunk"], []).append(ChunkSentence(part["start"], part["stop"], key))
        embedded[key] = (reading.vector_blob(part["vector"], identity, sentence=True), None)
    steps = []
    for id_, document, digest in reading.documents(snapshot, rows):
        own, keys, parts = [], [], []
        for chunk, start, end, heading, page in places[id_]:
            own.append(Chunk(start, end, document.text[start:end], tuple(json.loads(heading)), page))
            keys.append(bytes.fromhex(held[chunk]["key"]))
            parts.append(sentences.get(chunk, []))
            vector = reading.vector_blob(held[chunk]["vector"], identity, sentence=False)
            embedded[keys[-1]] = (vector, reading.tokens_of(held[chunk]))
        steps.append(Prepared(document, digest, own, keys, parts, language=languages[id_]))
    return Exported(steps, embedded)
