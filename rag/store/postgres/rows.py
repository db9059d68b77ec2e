"""The rows of a batch: read in one go, changed in memory, written in one go.

Ids are counted in the ``state``, so that rows need not come back from the server to be known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector

from ...documents.boxes import box_rows
from ...documents.document import Document, context_text
from ...documents.sections import section_rows
from ...languages import language
from ...terms import Analyser
from .. import blobs
from ..copied_terms import CopiedTerms
from ..granularity import is_late
from ..identity import Identity
from ..writing import Embedded, Prepared, Step, StoredDocument, StoredSource, place, source_name
from . import bag_texts, hashes, postings
from .connection import Connection
from .copy_rows import CHUNK_COLUMNS, SENTENCE_COLUMNS, ChunkRow, SentenceRow, chunk_rows, copied, sent, sentence_rows
from .escaping import escaped, unescaped
from .hashing import Hashing

NULL, TEXT, NUMBER, TRUTH, LIST = range(5)
_EXACT = 1 << 63


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
    first: set[int] = field(default_factory=set)  # rows of sources that were not there
    documents: list[tuple[Any, ...]] = field(default_factory=list)
    facts: list[tuple[Any, ...]] = field(default_factory=list)
    chunks: list[ChunkRow] = field(default_factory=list)
    sentences: list[SentenceRow] = field(default_factory=list)
    originals: list[int] = field(default_factory=list)  # ids of the chunks where they come from
    emptied: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    touched: list[tuple[float | None, int]] = field(default_factory=list)
    closed: dict[int, tuple[Any, ...]] = field(default_factory=dict)


class PostgresRows:
    """See `rag.store.writing.Rows`; ``flush`` writes rows, ``finish`` also what counts them.

    Parameters
    ----------
    db
        In a transaction of the writer.
    hashing
        How vectors are hashed; None where they are not.
    terms
        Gives the terms of chunks that come from a folder, if it has them, instead of the analyser.
    by_server
        Whether the server indexes the terms, and not we.
    """

    def __init__(
        self,
        db: Connection,
        identity: Identity,
        analyser: Callable[[], Analyser] | None,
        hashing: Hashing | None = None,
        terms: Callable[[], CopiedTerms | None] = lambda: None,
        *,
        by_server: bool = False,
    ) -> None:
        self._db = db
        self._identity = identity
        self._analyser = analyser
        self._hashing = hashing
        self._terms = terms
        self._taken: list[tuple[list[int], list[int]]] = []  # originals and ids of chunks without postings yet
        self._counted = (0, 0)  # chunks and terms more than there were
        self._changed = False
        self._by_server = by_server
        self._half = is_late(identity.granularity)
        counters = db.rows("select next_source, next_document, next_chunk, next_segment from state for update")[0]
        self._next = _Counters(*counters)
        self._documents: dict[bytes, tuple[StoredDocument, int]] = {}
        self._sources: dict[bytes, StoredSource] = {}
        self._held: dict[int, dict[int, bytes]] = {}
        self._known: dict[bytes, tuple[bytes, bytes | None]] = {}
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
        self._known = dict(embedded)
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
            self._known.update({key: (_blob(vector), tokens) for key, vector, tokens in self._db.rows(query, (keys,))})

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
            self._new.first.add(before.row)
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
        new, title = self._new, step.document.title
        new.originals += step.originals
        for n, (chunk, key) in enumerate(zip(step.chunks or (), step.keys, strict=True)):
            row = self._next.chunk
            self._next.chunk += 1
            where, tokens = place(step.document, chunk), self._known[key][1]
            new.chunks.append(
                ChunkRow(row, document, n, chunk.start, chunk.end, where, chunk.heading, key, tokens, chunk.text, title)
            )
            for m, part in enumerate(step.sentences[n] if step.sentences else ()):
                new.sentences.append(SentenceRow(row, m, part.start, part.end, part.key))

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
        self._new.closed[found.row] = (found.complete, found.produced, *facts, escaped(found.stamp))

    # ---- writing --------------------------------------------------------------------------------------------------

    def flush(self) -> int:
        """Write the rows that are there; return how many chunks there are among them."""
        new, db = self._new, self._db
        self._changed = self._changed or bool(new.documents or new.gone or new.touched or new.emptied)
        chunks, terms = self._empty(new.emptied)
        if new.gone:
            db.execute("delete from facts where document = any(%s)", (new.gone,))
            db.execute("delete from documents where id = any(%s)", (new.gone,))
        ids = [row.id for row in new.chunks]
        with ThreadPoolExecutor(1) as sender:  # the server takes rows while the next ones are made
            sending = sender.submit(self._write_documents)
            lengths, bags = self._analysed()
            vectors = self._vectors(row.key for row in new.chunks)
            sending.result()
            sending = sender.submit(self._write_chunks, lengths, vectors)
            segment = postings.of_chunks(self._next.segment, ids, bags) if bags and not self._by_server else None
            sending.result()
        if segment is not None:
            postings.written(db, self._next.segment, segment)
        elif bags:
            bag_texts.write(db, ids, bags)
        if self._hashing is not None and new.chunks:
            hashes.write(db, self._next.segment, np.array(ids, np.int64), self._hashing.hashed(vectors))
        self._next.segment += 1
        if new.sentences:
            found = self._vectors(row.key for row in new.sentences)
            rows = sentence_rows(new.sentences, found.astype(np.float16) if self._half else found)
            sent(db, f"sentences ({SENTENCE_COLUMNS})", [rows])
        if new.touched:
            with db.cursor() as cursor:
                cursor.executemany("update documents set modified = %s where id = %s", new.touched)
        self._counted = (self._counted[0] + len(new.chunks) - chunks, self._counted[1] + sum(lengths) - terms)
        self._new = _Buffers()
        return len(new.chunks)

    def finish(self, *, changed: bool = False) -> None:
        """Write all of it; ``changed`` counts a change even if no row is one."""
        self.flush()
        if self._taken and (terms := self._terms()) is not None:
            originals, ids = ([each for part in parts for each in part] for parts in zip(*self._taken, strict=True))
            every = terms.postings(np.array(originals, np.int64), np.array(ids, np.int64))
            postings.written(self._db, self._next.segment, postings.Encoded(self._next.segment, every))
            self._next.segment += 1
        self._db.execute(
            """update state set seq = seq + %s, chunks = chunks + %s, terms = terms + %s, next_source = %s,
               next_document = %s, next_chunk = %s, next_segment = %s""",
            (
                int(changed or self._changed),
                *self._counted,
                self._next.source,
                self._next.document,
                self._next.chunk,
                self._next.segment,
            ),
        )
        self._taken, self._counted, self._changed = [], (0, 0), False

    def _analysed(self) -> tuple[list[int], list[list[str]]]:
        """Return the lengths of chunks in terms, and their terms unless their postings are written at the end."""
        chunks, originals = self._new.chunks, self._new.originals
        if self._analyser is None or not chunks:
            return [0] * len(chunks), []
        if not self._by_server and len(originals) == len(chunks) and (terms := self._terms()) is not None:
            lengths = terms.lengths(np.array(originals, np.int64))
            if lengths is not None:
                self._taken.append((originals, [row.id for row in chunks]))
                return lengths, []
        bags = self._analyser().terms_many(context_text(row.title, row.heading, row.text) for row in chunks)
        return [len(bag) for bag in bags], bags

    def _vectors(self, keys: Iterator[bytes]) -> NDArray[np.float32]:
        return blobs.vectors([self._known[key][0] for key in keys], self._identity.dim)

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
        bag_texts.remove(db, [row[0] for row in found])
        copied(db, "removed (chunk)", "int8", ((row[0],) for row in found))
        return len(found), sum(row[1] for row in found)

    def _write_sources(self) -> None:
        new = self._new
        first, again = [], []
        for row in new.sources.values():
            if row[0] in new.first:
                complete, produced, account, *facts = new.closed.pop(row[0], (0, 0, "{}", *row[3:]))
                first.append((*row[:3], *facts, complete, produced, account))
            else:
                again.append(row)
        columns = "id, key, name, sha256, location, modified, stamp, complete, produced, account"
        copied(self._db, f"sources ({columns})", "int8 bytea text text text float8 text int4 int4 text", first)
        with self._db.cursor() as cursor:
            cursor.executemany(
                """update sources set sha256 = %s, location = %s, modified = %s, stamp = %s, complete = 0
                   where id = %s""",
                [(*row[3:], row[0]) for row in again],
            )
            cursor.executemany(
                """update sources set complete = %s, produced = %s, account = %s, sha256 = %s, location = %s,
                   modified = %s, stamp = %s where id = %s""",
                [(*facts, row) for row, facts in new.closed.items()],
            )

    def _write_chunks(self, lengths: list[int], vectors: NDArray[np.float32]) -> None:
        if self._new.chunks:
            sent(self._db, f"chunks ({CHUNK_COLUMNS})", chunk_rows(self._new.chunks, lengths, vectors))

    def _write_documents(self) -> None:
        self._write_sources()
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


def _blob(vector: Vector | HalfVector) -> bytes:
    kind = np.float16 if isinstance(vector, HalfVector) else np.float32
    return np.asarray(vector.to_numpy(), kind).tobytes()
