"""The rows of a batch: read in one go, changed in memory, written in one go.

Ids are counted in the ``state``, so that rows need not come back from the server to be known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from pgvector import HalfVector, Vector

from ...documents.boxes import box_rows
from ...documents.document import Document, context_text
from ...documents.sections import section_rows
from ...languages import language
from ...terms import Analyser
from .. import blobs
from ..granularity import is_late
from ..identity import Identity
from ..writing import Embedded, Prepared, Step, StoredDocument, StoredSource, place, source_name
from . import hashes, postings
from .connection import Connection, Row
from .escaping import escaped, unescaped
from .hashing import Hashing

NULL, TEXT, NUMBER, TRUTH, LIST = range(5)
_EXACT = 1 << 63
_VECTOR = 11  # of a chunk's row


def name_key(name: str) -> bytes:
    """Return the key by which a name is found."""
    return hashlib.sha256(name.encode()).digest()


@dataclass(slots=True)
class _Counters:
    """The next ids, as the state has them."""

    source: int
    document: int
    chunk: int
    segment: int


@dataclass(slots=True)
class _Buffers:
    """Rows to be written."""

    sources: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)
    documents: list[tuple[Any, ...]] = field(default_factory=list)
    facts: list[tuple[Any, ...]] = field(default_factory=list)
    chunks: list[tuple[Any, ...]] = field(default_factory=list)
    sentences: list[tuple[Any, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    emptied: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    touched: list[tuple[float | None, int]] = field(default_factory=list)
    closed: list[tuple[Any, ...]] = field(default_factory=list)


class PostgresRows:
    """See `rag.store.writing.Rows`; ``finish`` writes.

    Parameters
    ----------
    db
        In a transaction of the writer.
    hashing
        How vectors are hashed; None where they are not.
    """

    def __init__(
        self,
        db: Connection,
        identity: Identity,
        analyser: Callable[[], Analyser] | None,
        hashing: Hashing | None = None,
    ) -> None:
        self._db = db
        self._identity = identity
        self._analyser = analyser
        self._hashing = hashing
        self._half = is_late(identity.granularity)
        counters = db.rows("select next_source, next_document, next_chunk, next_segment from state for update")[0]
        self._next = _Counters(*counters)
        self._documents: dict[bytes, tuple[StoredDocument, int]] = {}
        self._sources: dict[bytes, StoredSource] = {}
        self._held: dict[int, dict[int, bytes]] = {}
        self._known: dict[bytes, tuple[Any, bytes | None]] = {}
        self._new = _Buffers()

    # ---- as a `DocumentWriter` changes them -----------------------------------------------------------------------

    def begin(self, steps: Sequence[Step], embedded: Embedded) -> None:
        """Read what the store knows of a batch's documents, sources and embeddings."""
        prepared = [step for step in steps if isinstance(step, Prepared)]
        named = {source_name(step.document) if isinstance(step, Prepared) else step.source for step in steps}
        documents = [name_key(step.document.id) for step in prepared]
        sources = [name_key(name) for name in named]
        query = """select d.key, d.id, s.name, d.digest, d.modified, d.source
                   from documents d join sources s on s.id = d.source where d.key = any(%s)"""
        for key, row, name, digest, modified, source in self._db.rows(query, (documents,)):
            self._documents[key] = (StoredDocument(row, unescaped(name), digest, modified), source)
        self.read_sources(sources)
        dim = self._identity.dim
        for key, (vector, tokens) in embedded.items():
            self._known[key] = (blobs.vectors([vector], dim)[0] if len(vector) == 4 * dim else _half(vector), tokens)
        missing = {key for step in prepared if step.chunks is not None for key in step.every_key()} - embedded.keys()
        self._read_embeddings(list(missing))

    def read_sources(self, keys: list[bytes]) -> None:
        """Read what the store knows of sources."""
        query = """select key, id, complete, produced, account, sha256, location, modified, stamp
                   from sources where key = any(%s)"""
        for key, *facts in self._db.rows(query, (keys,)):
            found = StoredSource(*facts)
            self._sources[key] = found._replace(
                account=unescaped(found.account), location=unescaped(found.location), stamp=unescaped(found.stamp)
            )
            self._held[found.row] = {}
        rows = [found.row for found in self._sources.values()]
        for source, row, key in self._db.rows(
            "select source, id, key from documents where source = any(%s) order by id", (rows,)
        ):
            self._held[source][row] = key

    def _read_embeddings(self, keys: list[bytes]) -> None:
        for query in (
            "select key, sentence, null::bytea from cached where key = any(%s) and sentence is not null",
            "select key, vector, tokens from cached where key = any(%s) and vector is not null",
            "select distinct on (key) key, vector, null::bytea from sentences where key = any(%s)",
            "select distinct on (key) key, vector, tokens from chunks where key = any(%s)",
        ):
            self._known.update({key: (vector, tokens) for key, vector, tokens in self._db.rows(query, (keys,))})

    def document(self, name: str) -> StoredDocument | None:
        """Return the document of an id."""
        found = self._documents.get(name_key(name))
        return None if found is None else found[0]

    def touch(self, document: int, modified: float | None) -> None:
        """Change when a document was modified."""
        self._new.touched.append((modified, document))

    def open_source(self, document: Document, stamp: str) -> int:
        """Return the row of a document's source, marked incomplete until its end."""
        name = source_name(document)
        key = name_key(name)
        before = self._sources.get(key)
        if before is None:
            before = StoredSource(self._next.source, 0, 0, "{}", "", "", None, "")
            self._next.source += 1
            self._held[before.row] = {}
        self._sources[key] = before._replace(
            complete=0,
            sha256=document.source_sha256,
            location=document.location,
            modified=document.modified,
            stamp=stamp,
        )
        facts = (escaped(document.source_sha256), escaped(document.location), document.modified, escaped(stamp))
        self._new.sources[key] = (before.row, key, escaped(name), *facts)
        return before.row

    def put(self, step: Prepared, source: int, row: int | None) -> int:
        """Insert a document with its chunks, or replace the older version of that row, whose chunks go."""
        document, key = step.document, name_key(step.document.id)
        if row is None:
            row = self._next.document
            self._next.document += 1
        else:
            self._new.emptied.append(row)
        name = source_name(document)
        self._documents[key] = (StoredDocument(row, name, step.digest, document.modified), source)
        self._held[source][row] = key
        metadata = dict(document.metadata)
        self._new.documents.append(
            (
                row,
                key,
                escaped(document.id),
                source,
                escaped(document.title),
                escaped(document.type),
                document.modified,
                step.digest,
                json.dumps(metadata, ensure_ascii=False, allow_nan=False),
                json.dumps(section_rows(document.sections), ensure_ascii=False),
                escaped(document.text),
                json.dumps(box_rows(document.boxes)),
                language(document.text) if step.language is None else step.language,
            )
        )
        self._new.facts += facts_of(row, metadata)
        self._put_chunks(row, step)
        return row

    def _put_chunks(self, document: int, step: Prepared) -> None:
        for n, (chunk, key) in enumerate(zip(step.chunks or (), step.keys, strict=True)):
            row = self._next.chunk
            self._next.chunk += 1
            vector, tokens = self._known[key]
            self._new.chunks.append(
                (
                    row,
                    document,
                    n,
                    chunk.start,
                    chunk.end,
                    *place(step.document, chunk),
                    [escaped(each) for each in chunk.heading],
                    0,
                    key,
                    _whole(vector),
                    tokens,
                    escaped(chunk.text),
                )
            )
            self._new.texts.append(context_text(step.document.title, chunk.heading, chunk.text))
            for m, part in enumerate(step.sentences[n] if step.sentences else ()):
                found = self._known[part.key][0]
                self._new.sentences.append(
                    (row, m, part.start, part.end, part.key, _halved(found) if self._half else _whole(found))
                )

    def source(self, name: str) -> StoredSource | None:
        """Return the source of a name."""
        return self._sources.get(name_key(name))

    def held(self, source: int) -> list[int]:
        """Return the rows of a source's documents."""
        return list(self._held[source])

    def drop(self, document: int) -> None:
        """Remove a document; its embeddings stay cached until ``purge``."""
        for of in self._held.values():
            if (key := of.pop(document, None)) is not None:
                self._documents.pop(key, None)
        self._new.emptied.append(document)
        self._new.gone.append(document)

    def close_source(self, found: StoredSource) -> None:
        """Set the facts of a source."""
        facts = (escaped(found.account), escaped(found.sha256), escaped(found.location), found.modified)
        self._new.closed.append((found.complete, found.produced, *facts, escaped(found.stamp), found.row))

    # ---- writing --------------------------------------------------------------------------------------------------

    def finish(self, *, changed: bool = False) -> None:
        """Write all of it; ``changed`` counts a change even if no row is one."""
        new, db = self._new, self._db
        changed = changed or bool(new.documents or new.gone or new.touched or new.emptied)
        chunks, terms = self._empty(new.emptied)
        if new.gone:
            db.execute("delete from facts where document = any(%s)", (new.gone,))
            db.execute("delete from documents where id = any(%s)", (new.gone,))
        self._write_sources()
        ids = [row[0] for row in new.chunks]
        with ThreadPoolExecutor(1) as sender:  # the server takes rows while the next ones are made
            sent = sender.submit(self._write_documents)
            bags = self._analyser().terms_many(new.texts) if self._analyser is not None and new.texts else []
            lengths = [len(bag) for bag in bags] or [0] * len(ids)
            rows = [(*row[:9], length, *row[10:]) for row, length in zip(new.chunks, lengths, strict=True)]
            sent.result()
            sent = sender.submit(self._write_chunks, rows)
            segment = postings.of_chunks(self._next.segment, ids, bags) if bags else None
            sent.result()
        if segment is not None:
            postings.written(db, self._next.segment, segment)
        if self._hashing is not None and rows:
            vectors = np.array([row[_VECTOR].to_numpy() for row in rows], np.float32)
            hashes.write(db, self._next.segment, np.array(ids, np.int64), self._hashing.hashed(vectors))
        columns, kinds = 'chunk, ordinal, start, "end", key, vector', "int8 int4 int4 int4 bytea"
        copied(db, f"sentences ({columns})", f"{kinds} {'halfvec' if self._half else 'vector'}", new.sentences)
        if new.touched:
            with db.cursor() as cursor:
                cursor.executemany("update documents set modified = %s where id = %s", new.touched)
        if new.closed:
            with db.cursor() as cursor:
                cursor.executemany(
                    """update sources set complete = %s, produced = %s, account = %s, sha256 = %s, location = %s,
                       modified = %s, stamp = %s where id = %s""",
                    new.closed,
                )
        db.execute(
            """update state set seq = seq + %s, chunks = chunks + %s, terms = terms + %s, next_source = %s,
               next_document = %s, next_chunk = %s, next_segment = %s""",
            (
                int(changed),
                len(rows) - chunks,
                sum(lengths) - terms,
                self._next.source,
                self._next.document,
                self._next.chunk,
                self._next.segment + 1,
            ),
        )
        self._new = _Buffers()

    def _empty(self, documents: list[int]) -> tuple[int, int]:
        """Remove the chunks of documents; return how many there were, and how many terms they had."""
        if not documents:
            return 0, 0
        db = self._db
        db.execute(
            """insert into cached (key, vector, tokens)
               select distinct on (key) key, vector, tokens from chunks where document = any(%s)
               on conflict (key) do update set vector = excluded.vector, tokens = excluded.tokens""",
            (documents,),
        )
        db.execute(
            """insert into cached (key, sentence) select distinct on (s.key) s.key, s.vector
               from sentences s join chunks c on c.id = s.chunk where c.document = any(%s)
               on conflict (key) do update set sentence = excluded.sentence""",
            (documents,),
        )
        db.execute(
            "delete from sentences where chunk in (select id from chunks where document = any(%s))", (documents,)
        )
        found = db.rows("delete from chunks where document = any(%s) returning id, terms", (documents,))
        copied(db, "removed (chunk)", "int8", ((row[0],) for row in found))
        return len(found), sum(row[1] for row in found)

    def _write_sources(self) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(
                """insert into sources (id, key, name, sha256, location, modified, stamp, complete, produced, account)
                   values (%s, %s, %s, %s, %s, %s, %s, 0, 0, '{}')
                   on conflict (key) do update set sha256 = excluded.sha256, location = excluded.location,
                       modified = excluded.modified, stamp = excluded.stamp, complete = 0""",
                list(self._new.sources.values()),
            )

    def _write_chunks(self, rows: list[tuple[Any, ...]]) -> None:
        columns = 'id, document, ordinal, start, "end", page, last_page, row, heading, terms, key, vector, tokens, text'
        kinds = "int8 int8 int4 int4 int4 int4 int4 int4 text[] int4 bytea vector bytea text"
        copied(self._db, f"chunks ({columns})", kinds, rows)

    def _write_documents(self) -> None:
        rows = self._new.documents
        ids = [row[0] for row in rows]
        if self._new.emptied:
            self._db.execute("delete from facts where document = any(%s)", (ids,))
            self._db.execute("delete from documents where id = any(%s)", (ids,))
        columns = "id, key, name, source, title, type, modified, digest, metadata, sections, text, boxes, language"
        kinds = "int8 bytea text int8 text text float8 text text text text text text"
        copied(self._db, f"documents ({columns})", kinds, rows)
        copied(
            self._db,
            "facts (document, key, kind, text, number)",
            "int8 text int2 text numeric",
            self._new.facts,
        )


def copied(db: Connection, table: str, kinds: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Copy rows into a table, if there are any."""
    every: Iterator[Row] = iter(rows)
    first = next(every, None)
    if first is None:
        return
    with db.cursor() as cursor, cursor.copy(f"copy {table} from stdin (format binary)") as copy:
        copy.set_types(kinds.split())
        copy.write_row(first)
        for row in every:
            copy.write_row(row)


def facts_of(document: int, metadata: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a document's metadata."""
    for key, value in metadata.items():
        name = escaped(key)
        if isinstance(value, list | tuple):
            yield document, name, LIST, None, None
            for each in value:
                yield document, name, *_fact(each)
        else:
            yield document, name, *_fact(value)


def _fact(value: object) -> tuple[int, str | None, Decimal | None]:
    if value is None:
        return NULL, None, None
    if isinstance(value, bool):
        return TRUTH, None, Decimal(value)
    if isinstance(value, str):
        return TEXT, escaped(value), None
    return NUMBER, None, exact(value)


def exact(value: Any) -> Decimal:  # noqa: ANN401 - a number
    """Return a number as SQLite compares it: whole ones of 64 bits exactly, all others in double precision."""
    return Decimal(value) if isinstance(value, int) and -_EXACT <= value < _EXACT else Decimal(float(value))


def _half(blob: bytes) -> HalfVector:
    return HalfVector(np.frombuffer(blob, np.float16))


def _whole(found: Any) -> Vector:  # noqa: ANN401 - of pgvector's or an array
    if isinstance(found, Vector):
        return found
    numbers = found.to_numpy() if isinstance(found, HalfVector) else found
    return Vector(np.asarray(numbers, np.float32))


def _halved(found: Any) -> HalfVector:  # noqa: ANN401 - of pgvector's or an array
    if isinstance(found, HalfVector):
        return found
    return HalfVector(np.asarray(found.to_numpy() if isinstance(found, Vector) else found, np.float16))
