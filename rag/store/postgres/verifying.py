"""Verify that all is as it was written, and that documents, chunks, vectors and postings agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import indexes
from indexes import Family

from ...documents.document import Document, context_text
from ...terms import Analyser
from ..granularity import part_text
from ..identity import Identity
from ..postings_search import POSTING
from ..records import Problem, VerifyReport
from . import bag_verifying, btrees, hashes, reading, textsearch
from .connection import Connection, Snapshot
from .escaping import escaped, unescaped
from .hashing import Hashing, Ids
from .id_arrays import fetched
from .vectors import PostgresVectors

_SAMPLE = 200
_ROUNDED = 0.02
"""Share of a hash's bits that may differ: of numbers next to 0, another processor's rounding decides."""


def verify(
    snapshot: Snapshot, identity: Identity, analyser: Callable[[], Analyser], index: Callable[[Family, None], Any]
) -> VerifyReport:
    """See `KnowledgeBase.verify`; ``index`` gives that of a family."""
    db, state = snapshot.db, snapshot.state
    problems = [*btrees.problems(db), *_references(db), *_lost(db), *_contents(db, identity)]
    terms = next((spec for spec in state.specs if indexes.kind(spec) == "terms"), "")
    if terms:
        problems += _totals(snapshot, terms)
        if textsearch.parsed(terms) is None:
            problems += _postings(db, terms, analyser)
        else:
            problems += bag_verifying.problems(db, terms, analyser, index("terms", None), _sample(db))
    if state.vectors.startswith("lsh"):
        problems += _hashes(db, state.vectors)
    elif state.vectors != "flat":
        problems += _graph(db, state.vectors, index("dense", None))
    sources, documents = db.rows("select (select count(*) from sources), (select count(*) from documents)")[0]
    embeddings, _ = reading.embeddings(db)
    return VerifyReport(
        sources=sources,
        documents=documents,
        chunks=state.chunks,
        embeddings=embeddings,
        indexes=dict.fromkeys(state.specs, state.chunks),
        problems=tuple(problems),
    )


def _references(db: Connection) -> Iterator[Problem]:
    for table, query in (
        ("documents", "select id from documents d where not exists (select 1 from sources s where s.id = d.source)"),
        ("chunks", "select id from chunks c where not exists (select 1 from documents d where d.id = c.document)"),
        ("sentences", "select chunk from sentences s where not exists (select 1 from chunks c where c.id = s.chunk)"),
        ("facts", "select document from facts f where not exists (select 1 from documents d where d.id = f.document)"),
    ):
        broken = tuple(row[0] for row in db.rows(query))
        if broken:
            yield Problem(table, "reference", len(broken), broken)


def _lost(db: Connection) -> Iterator[Problem]:
    """Find sources that have lost documents since they were completed."""
    names = tuple(name for name, info in reading.sources(db).items() if not info.complete)
    complete = {unescaped(row[0]) for row in db.rows("select name from sources where complete = 1")}
    lost = tuple(name for name in names if name in complete)
    if lost:
        yield Problem("sources", "lost documents", len(lost), lost)


def _contents(db: Connection, identity: Identity) -> Iterator[Problem]:
    """Compare documents with their digests, chunks with their spans, embeddings with their texts."""
    found: dict[str, list[int | str]] = {"digest": [], "span": [], "vector": []}
    for row, document, digest in reading.documents(db):
        if document.digest() != digest:
            found["digest"].append(row)
        for kind in _chunk_problems(db, identity, row, document):
            if row not in found[kind]:
                found[kind].append(row)
    for kind, ids in found.items():
        if ids:
            yield Problem("documents", kind, len(ids), tuple(ids))


def _chunk_problems(db: Connection, identity: Identity, row: int, document: Document) -> Iterator[str]:
    query = """select c.id, c.start, c."end", c.heading, c.text, c.key, c.vector, c.tokens is not null, c.ordinal
               from chunks c where c.document = %s order by c.ordinal"""
    chunks = db.rows(query, (row,))
    if [each[8] for each in chunks] != list(range(len(chunks))) or (not chunks and document.text.strip()):
        yield "span"
    sentences: dict[int, list[Any]] = {}
    if identity.has_sentences:
        query = (
            """select chunk, ordinal, start, "end", key from sentences where chunk = any(%s) order by chunk, ordinal"""
        )
        for chunk, *rest in db.rows(query, ([each[0] for each in chunks],)):
            sentences.setdefault(chunk, []).append(rest)
    for chunk, start, end, heading, escaped_text, key, vector, tokens, _ in chunks:
        text = unescaped(escaped_text)
        if document.text[start:end] != text:
            yield "span"
        whole = context_text(document.title, tuple(unescaped(each) for each in heading), text)
        sound = (
            key == identity.key(whole) and bool(np.isfinite(vector.to_numpy()).all()) and tokens >= identity.has_tokens
        )
        if sound and identity.has_sentences:
            above = whole[: len(whole) - len(text)]
            own = sentences.get(chunk, [])
            sound = bool(own) and all(
                ordinal == n
                and part == identity.key(part_text(identity.granularity, above, text, (begin - start, until - start)))
                for n, (ordinal, begin, until, part) in enumerate(own)
            )
        if not sound:
            yield "vector"


def _totals(snapshot: Snapshot, spec: str) -> Iterator[Problem]:
    """Compare the numbers of chunks and terms with those that scores are worked out from."""
    terms, chunks = snapshot.db.rows("select coalesce(sum(terms), 0)::int8, count(*) from chunks")[0]
    if (terms, chunks) != (snapshot.state.terms, snapshot.state.chunks):
        yield Problem(spec, "damaged", 1, (), "chunks and terms are not as many as were counted")


def _postings(db: Connection, spec: str, analyser: Callable[[], Analyser]) -> Iterator[Problem]:
    """Compare the counts of postings, and the terms of a sample of chunks with them."""
    counted = db.rows(
        """select s.id from segments s left join (select segment, sum(df) as df, sum(length(blob)) as bytes
           from postings group by segment) p on p.segment = s.id
           where s.postings <> coalesce(p.df, 0) or coalesce(p.bytes, 0) <> 8 * s.postings"""
    )
    wrong = [row[0] for row in counted]
    if wrong:
        yield Problem(spec, "damaged", len(wrong), tuple(wrong), "the postings are not as many as there should be")
    sample = _sample(db)
    missing = []
    for chunk, bag in zip(sample, analyser().terms_many(reading.terms_texts(db, sample)), strict=True):
        blobs = db.rows(_BLOBS, ([escaped(term) for term in set(bag)],))
        held = sum(int((np.frombuffer(row[0], POSTING)["chunk"] == chunk).sum()) for row in blobs)
        if held != len(set(bag)):
            missing.append(chunk)
    if missing:
        yield Problem(spec, "missing", len(missing), tuple(missing), "of a sample of chunks")


_BLOBS = "select blob from postings where segment = any(array(select id from segments)) and term = any(%s)"


def _sample(db: Connection) -> list[int]:
    """Return chunks at even distances, of those that have a document."""
    ids = [row[0] for row in db.rows("select c.id from chunks c join documents d on d.id = c.document order by c.id")]
    return ids[:: max(1, len(ids) // _SAMPLE)][:_SAMPLE]


def _graph(db: Connection, spec: str, index: PostgresVectors) -> Iterator[Problem]:
    """Let a sample of vectors find themselves."""
    if not db.one("select to_regclass('chunks_vectors') is not null"):
        yield Problem(spec, "missing", 1, (), "the index is not there")
        return
    rows = db.rows("select id, vector from chunks where id = any(%s)", (_sample(db),))
    vectors = np.array([row[1].to_numpy() for row in rows], np.float32)
    own = np.array([index.search(v[None], 1, allow=np.array([row[0]])).scores[0, 0] for v, row in zip(vectors, rows, strict=True)])  # fmt: skip  # noqa: E501
    found = index.search(vectors, 1).scores[:, 0] if len(vectors) else np.zeros(0)
    lost = [int(row[0]) for row, a, b in zip(rows, own, found, strict=True) if b < a - 1e-4 * abs(a)]
    if len(lost) > 0.05 * len(rows):
        yield Problem(spec, "recall", len(lost), tuple(lost), "of a sample of vectors that should find themselves")


def _hashes(db: Connection, spec: str) -> Iterator[Problem]:
    """Compare hashes with their digests, with the chunks that there are, and with the vectors of a sample."""
    own = hashes.hashing(db)
    if own is None:
        yield Problem(spec, "missing", 1, (), "the index is not there")
        return
    wrong = tuple(row[0] for row in db.rows(_WRONG, (own.width,)))
    if wrong:
        yield Problem(spec, "damaged", len(wrong), wrong, "segments of hashes are not as they were written")
        return
    there, removed = reading.chunk_ids(db), fetched(db, "select array_agg(chunk order by chunk) from removed")
    held, differing = _compared(db, own, there[:: max(1, len(there) // _SAMPLE)])
    for kind, ids, what in (
        ("missing", np.setdiff1d(there, held), "chunks without a hash"),
        ("strange", np.setdiff1d(held, np.union1d(there, removed)), "hashes without a chunk"),
        ("twice", np.sort(held)[1:][np.diff(np.sort(held)) == 0], "chunks with more than one hash"),
        ("damaged", differing, "of a sample of chunks whose hash should be that of their vector"),
    ):
        if len(ids):
            yield Problem(spec, kind, len(ids), tuple(ids[:_SAMPLE].tolist()), what)


_WRONG = """select segment from hashes where digest <> sha256(ids || codes) or length(ids) <> 8 * chunks
            or length(codes) <> %s * chunks order by segment"""


def _compared(db: Connection, own: Hashing, sample: Ids) -> tuple[Ids, Ids]:
    """Return the chunks that have a hash, and those of a sample that have another one than that of their vector."""
    made = own.hashed(reading.vectors(db, sample, own.centre.size))
    held, wrong = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for ids, codes in hashes.every(db, own):
        held.append(ids)
        _, rows, at = np.intersect1d(ids, sample, return_indices=True)
        bits = np.bitwise_count(codes[rows] ^ made[at]).sum(axis=1)
        wrong.append(ids[rows[bits > _ROUNDED * 8 * own.width]])
    return np.concatenate(held), np.concatenate(wrong)
