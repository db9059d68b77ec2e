"""What is read from Milvus itself: texts, vectors, sentences; the facts come from the mirror."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...documents.document import Document, composed, context_text
from ...errors import InvalidInput, StoreCorrupt, StoreUnavailable
from .. import reading
from ..granularity import is_late
from ..identity import Identity
from ..records import ChunkRecord
from . import mirror
from .client import Client, Row
from .packing import unpacked
from .schema import CHUNKS, RECORDS, SENTENCES, TEXT, State
from .snapshots import Snapshot

DOCUMENT_QUERY = """
    select d.id, d.name, s.name, d.title, d.type, d.metadata, d.modified, s.sha256, s.location, d.digest
    from documents d join sources s on s.id = d.source
"""
_CHUNK = """
    select c.id, d.name, s.name, d.title, d.type, d.metadata, c.ordinal, c.start, c."end", c.heading, c.page, c.row,
           c.document
    from chunks c join documents d on d.id = c.document join sources s on s.id = d.source where c.id = ?
"""
_SENTENCE = ("chunk", "ordinal", "start", "stop", "key", "vector")


def document(snapshot: Snapshot, name: str) -> Document:
    """Return a document by its id."""
    with snapshot.facts() as db:
        rows = list(db.execute(DOCUMENT_QUERY + "where d.name in (?, ?)", (name, composed(name))))
    if not rows:
        raise InvalidInput(f"no document {name!r} in this knowledge base; `document_ids()` lists them")
    return next(documents(snapshot, rows[:1]))[1]


def documents(snapshot: Snapshot, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Document, str]]:
    """Yield the documents of rows of the mirror."""
    texts = _texts(snapshot, [row[0] for row in rows])
    for id_, name, source, title, type_, metadata, modified, sha256, location, digest in rows:
        text, sections, boxes = texts[id_]
        names = (name, text, source, title, type_)
        yield id_, reading.document_of((*names, sections, metadata, modified, sha256, location, boxes)), digest


def _texts(snapshot: Snapshot, owners: Sequence[int]) -> dict[int, list[str]]:
    """Return the text, the sections and the boxes of documents."""
    with snapshot.facts() as db:
        ids = {owner: mirror.held(db, TEXT, owner) for owner in owners}
    rows = snapshot.client.rows(RECORDS, [id_ for own in ids.values() for id_ in own], ["data"], step=200)
    _check(snapshot.client, sum(map(len, ids.values())), rows)
    try:
        return {owner: unpacked(rows[id_]["data"] for id_ in own) for owner, own in ids.items()}
    except (ValueError, zlib.error) as error:
        text = f"{snapshot.client.place.shown} is damaged: a text cannot be read ({error})"
        raise StoreCorrupt(f"{text}; run `rag repair`") from error


def _check(client: Client, wanted: int, found: dict[int, Row]) -> None:
    if len(found) < wanted:
        raise StoreUnavailable(
            f"{client.place.shown}: {wanted - len(found)} rows are gone that this state has: it was purged meanwhile, "
            "ask again; if that does not help, `rag repair` it"
        )


def chunks(snapshot: Snapshot, ids: Iterable[int]) -> list[ChunkRecord]:
    """Return chunks in the order of ``ids``."""
    wanted = [int(i) for i in ids]
    with snapshot.facts() as db:
        rows = list(db.executemany(_CHUNK, ((i,) for i in wanted)))
    if len(rows) != len(wanted):
        reading.refuse_unknown(wanted, [row[0] for row in rows])
    contents = chunk_contents(snapshot, {row[0]: (row[12], row[7], row[8]) for row in rows})
    return [reading.record_of((*row[:12], *contents[row[0]])) for row in rows]


def chunk_contents(snapshot: Snapshot, places: dict[int, tuple[int, int, int]]) -> dict[int, tuple[str, str]]:
    """Return the text of chunks and their sections, as JSON; ``places`` has each one's document and span."""
    rows = snapshot.client.rows(CHUNKS, list(places), ["data"])
    _check(snapshot.client, len(places), rows)
    found = {id_: tuple(json.loads(row["data"])) for id_, row in rows.items() if row["data"]}
    long = {id_: place for id_, place in places.items() if id_ not in found}
    texts = _texts(snapshot, sorted({document for document, _, _ in long.values()}))
    for id_, (owner, start, end) in long.items():
        text, sections, _ = texts[owner]
        found[id_] = (text[start:end], sections)
    return found


def vectors(snapshot: Snapshot, ids: Iterable[int], dim: int) -> NDArray[np.float32]:
    """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
    wanted = [int(i) for i in ids]
    known = snapshot.alive
    missing = [i for i in wanted if not 0 <= i < len(known) or not known[i]]
    if missing:
        reading.refuse_unknown(wanted, [i for i in wanted if i not in set(missing)])
    rows = snapshot.client.rows(CHUNKS, list(dict.fromkeys(wanted)), ["vector"])
    _check(snapshot.client, len(set(wanted)), rows)
    return np.array([rows[i]["vector"] for i in wanted], np.float32).reshape(len(wanted), dim)


def token_codes(snapshot: Snapshot, ids: Iterable[int]) -> list[bytes | None]:
    """Return the codes of the states of chunks' tokens, in the order of ``ids``; None for a chunk without."""
    wanted = [int(i) for i in ids]
    rows = snapshot.client.rows(CHUNKS, list(dict.fromkeys(wanted)), ["tokens"])
    return [tokens_of(rows[i]) if i in rows else None for i in wanted]


def tokens_of(row: Row) -> bytes | None:
    """Return the codes of a chunk's row."""
    return base64.b64decode(row["tokens"]) if row["tokens"] else None


def sentences(client: Client, state: State, chunks_: Sequence[int]) -> list[Row]:
    """Return the rows of the sentences of chunks, in the order of these and of their numbers."""
    at = {int(chunk): n for n, chunk in enumerate(chunks_)}
    wanted, rows = list(at), []
    for start in range(0, len(wanted), 100):
        rows += client.query(SENTENCES, f"chunk in {wanted[start : start + 100]} and {state.seen}", _SENTENCE)
    return sorted(rows, key=lambda row: (at[row["chunk"]], row["ordinal"]))


def sentence_vectors(
    snapshot: Snapshot, ids: Iterable[int], identity: Identity
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the embeddings of the sentences of chunks, float32 of shape (n, dim), and the chunk of each."""
    wanted = [int(i) for i in ids]
    rows = sentences(snapshot.client, snapshot.state, wanted) if identity.has_sentences else []
    found = np.array([row["vector"] for row in rows], np.float32).reshape(len(rows), identity.dim)
    return found, np.array([row["chunk"] for row in rows], np.int64)


def vector_blob(vector: Sequence[float], identity: Identity, *, sentence: bool) -> bytes:
    """Return a vector as a folder stores it."""
    kind = np.float16 if sentence and is_late(identity.granularity) else np.float32
    return np.asarray(vector, kind).tobytes()


def terms_texts(snapshot: Snapshot, ids: Sequence[int]) -> list[str]:
    """Return the texts embedded and indexed for chunks, in the order of ``ids``."""
    return [context_text(record.title, record.heading, record.text) for record in chunks(snapshot, ids)]
