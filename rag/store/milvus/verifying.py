"""Verify that all is as it was written, and that documents, chunks, vectors and postings agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import indexes

from ...documents.document import Document, context_text
from ...errors import StoreCorrupt, StoreUnavailable
from ...terms import Analyser
from .. import reading as facts_reading
from ..granularity import part_text
from ..identity import Identity
from ..records import Problem, VerifyReport
from . import postings, reading
from .client import Row
from .schema import CHUNKS, SENTENCES
from .snapshots import Snapshot

_SAMPLE = 200
_COLLECTION_OF_FACTS = "records"


def verify(snapshot: Snapshot, identity: Identity, analyser: Callable[[], Analyser] | None) -> VerifyReport:
    """See `KnowledgeBase.verify`."""
    state = snapshot.state
    problems = [*_lost(snapshot), *_contents(snapshot, identity), *_extra(snapshot)]
    terms = next((spec for spec in state.specs if indexes.kind(spec) == "terms"), "")
    if analyser is not None:
        problems += _postings(snapshot, terms, analyser)
    with snapshot.facts() as db:
        sources = facts_reading.one(db, "select count(*) from sources")
        documents = facts_reading.one(db, "select count(*) from documents")
    return VerifyReport(
        sources=sources,
        documents=documents,
        chunks=state.chunks,
        embeddings=embeddings(snapshot, identity)[0],
        indexes=dict.fromkeys(state.specs, state.chunks),
        problems=tuple(problems),
    )


def embeddings(snapshot: Snapshot, identity: Identity) -> tuple[int, int]:
    """Return how many embeddings there are, and how many of them nothing uses; reads the key of every row."""
    client, state = snapshot.client, snapshot.state
    every: set[str] = set()
    used: set[str] = set()
    ends = [(CHUNKS, state.next_chunk), *([(SENTENCES, state.next_sentence)] if identity.has_sentences else [])]
    for name, end in ends:
        test = f"born <= {state.version}"
        for row in client.windows(name, test, ["key", "died"], end, step=16_000):
            every.add(row["key"])
            if row["died"] > state.version:
                used.add(row["key"])
    return len(every), len(every - used)


def _lost(snapshot: Snapshot) -> Iterator[Problem]:
    """Find sources that have lost documents since they were completed."""
    query = """select s.name from sources s left join documents d on d.source = s.id
               where s.complete group by s.id having s.produced <> count(d.id) order by s.name"""
    with snapshot.facts() as db:
        names = tuple(row[0] for row in db.execute(query))
    if names:
        yield Problem(_COLLECTION_OF_FACTS, "lost documents", len(names), names)


def _contents(snapshot: Snapshot, identity: Identity) -> Iterator[Problem]:
    """Compare documents with their digests, chunks with their spans, embeddings with their texts."""
    found: dict[str, list[int | str]] = {"missing": [], "digest": [], "span": [], "vector": []}
    with snapshot.facts() as db:
        rows = list(db.execute(reading.DOCUMENT_QUERY + "order by d.source, d.id"))
    for row in rows:
        try:
            ((id_, document, digest),) = reading.documents(snapshot, [row])
        except (StoreCorrupt, StoreUnavailable):
            found["missing"].append(row[0])
            continue
        if document.digest() != digest:
            found["digest"].append(id_)
        for kind in dict.fromkeys(_chunk_problems(snapshot, identity, id_, document)):
            found[kind].append(id_)
    for kind, ids in found.items():
        if ids:
            yield Problem("documents", kind, len(ids), tuple(ids))


def _chunk_problems(snapshot: Snapshot, identity: Identity, row: int, document: Document) -> Iterator[str]:
    query = 'select id, ordinal, start, "end", heading from chunks where document = ? order by ordinal'
    with snapshot.facts() as db:
        chunks = list(db.execute(query, (row,)))
    if [each[1] for each in chunks] != list(range(len(chunks))) or (not chunks and document.text.strip()):
        yield "span"
    ids = [each[0] for each in chunks]
    rows = snapshot.client.query(CHUNKS, f"document == {row} and {snapshot.state.seen}", ["key", "vector", "tokens"])
    held = {each["id"]: each for each in rows}
    if set(held) != set(ids):
        yield "vector"
        return
    try:
        records = reading.chunks(snapshot, ids)
    except (StoreCorrupt, StoreUnavailable):
        yield "span"
        return
    parts: dict[int, list[Row]] = {}
    for each in reading.sentences(snapshot.client, snapshot.state, ids) if identity.has_sentences else ():
        parts.setdefault(each["chunk"], []).append(each)
    for record in records:
        if document.text[record.start : record.end] != record.text:
            yield "span"
        whole = context_text(document.title, record.heading, record.text)
        own = held[record.id]
        sound = _is_sound(own, identity.key(whole)) and bool(own["tokens"]) >= identity.has_tokens
        if not sound or not _sentences_sound(identity, whole, record, parts.get(record.id, [])):
            yield "vector"


def _sentences_sound(identity: Identity, whole: str, record: Any, parts: Sequence[Row]) -> bool:  # noqa: ANN401
    """Say whether a chunk has sentences, numbered without a gap, and each the embedding of its text."""
    if not identity.has_sentences:
        return True
    above = whole[: len(whole) - len(record.text)]
    return bool(parts) and all(
        part["ordinal"] == n
        and _is_sound(
            part,
            identity.key(
                part_text(
                    identity.granularity,
                    above,
                    record.text,
                    (part["start"] - record.start, part["stop"] - record.start),
                )
            ),
        )
        for n, part in enumerate(parts)
    )


def _is_sound(row: Row, key: bytes) -> bool:
    return bool(row["key"] == key.hex() and np.isfinite(np.asarray(row["vector"], np.float32)).all())


def _extra(snapshot: Snapshot) -> Iterator[Problem]:
    """Find chunks that a search would find, and that no document has."""
    state = snapshot.state
    client = snapshot.client
    rows = list(client.windows(CHUNKS, state.seen, [], state.next_chunk, step=16_000))
    rows += client.query(CHUNKS, f"id >= {state.next_chunk} and {state.seen}", [])
    extra = [row["id"] for row in rows if row["id"] >= state.next_chunk or not snapshot.alive[row["id"]]]
    if extra:
        yield Problem("chunks", "extra", len(extra), tuple(extra))


def _postings(snapshot: Snapshot, spec: str, analyser: Callable[[], Analyser]) -> Iterator[Problem]:
    """Compare the counts of postings, and the terms of a sample of chunks with them."""
    state, client = snapshot.state, snapshot.client
    wrong, every = [], {}
    for segment in state.segments:
        buckets = list(postings.every_bucket(client, segment, state.next_record))
        every[segment.id] = buckets
        if sum(len(records) for bucket in buckets for records in bucket.values()) != segment.postings:
            wrong.append(segment.id)
    with snapshot.facts() as db:
        counted = next(iter(db.execute("select count(*), coalesce(sum(terms), 0) from chunks")))
    if wrong or counted != (state.chunks, state.terms):
        text = "the postings are not as many as there should be"
        yield Problem(spec, "damaged", max(1, len(wrong)), tuple(wrong), text)
    sample = snapshot.ids[:: max(1, len(snapshot.ids) // _SAMPLE)][:_SAMPLE].tolist()
    try:
        texts = reading.terms_texts(snapshot, sample)
    except (StoreCorrupt, StoreUnavailable):  # told of above
        return
    missing = [
        chunk
        for chunk, bag in zip(sample, analyser().terms_many(texts), strict=True)
        if sum(_holds(bucket, term, chunk) for buckets in every.values() for bucket in buckets for term in set(bag))
        != len(set(bag))
    ]
    if missing:
        yield Problem(spec, "missing", len(missing), tuple(missing), "of a sample of chunks")


def _holds(bucket: postings.Bucket, term: str, chunk: int) -> bool:
    return term in bucket and bool((bucket[term]["chunk"] == chunk).any())
