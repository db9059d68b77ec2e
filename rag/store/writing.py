"""Add documents to the database and drop them: always whole, inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..account import Account
from ..boxes import box_rows
from ..documents import Chunk, Document
from ..sections import row_at, section_at, section_rows, sections_within
from .database import Connection
from .records import AddFailure, AddReport


@dataclass(frozen=True, slots=True)
class ChunkSentence:
    """A sentence of a chunk: its span in the document, and the key of its embedding."""

    start: int
    end: int
    key: bytes


@dataclass(slots=True)
class Prepared:
    """A document on its way in. ``chunks`` is None when the stored one has the same digest.

    Attributes
    ----------
    keys
        The key of each chunk's embedding.
    sentences
        The sentences of each chunk; none for any if they have no vectors.
    """

    document: Document
    digest: str
    chunks: Sequence[Chunk] | None = None
    keys: Sequence[bytes] = ()
    sentences: Sequence[Sequence[ChunkSentence]] = ()

    def every_key(self) -> Iterator[bytes]:
        """Yield the keys of all embeddings that it needs, repeated ones included."""
        yield from self.keys
        for parts in self.sentences:
            for part in parts:
                yield part.key


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """All documents of a source have been given; ``whole`` unless some could not be loaded.

    ``failures`` are sentences on members that are not in, those among them that hold nothing readable too.
    """

    source: str
    whole: bool
    failures: tuple[str, ...] = ()


Step = Prepared | SourceEnd
Embedded = Mapping[bytes, bytes]
"""The blobs of new embeddings by their keys."""


def source_name(document: Document) -> str:
    """Return the source a document belongs to; one without is its own."""
    return document.source or document.id


class DocumentWriter:
    """Applies the steps of one ``add`` in their order.

    Documents are compared by digest. What a source held before and was not given this time goes when the source ends
    whole.
    """

    def __init__(self, stamp: str) -> None:
        self.report = AddReport()
        self.failures: list[AddFailure] = []
        self._stamp = stamp
        self._seen: dict[str, set[int]] = {}
        self._facts: dict[str, tuple[str, str, float | None, str]] = {}
        self._accounts: dict[str, Account] = {}
        self._embeddings: dict[bytes, int] = {}

    def apply(self, db: Connection, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch; return the ids of its documents that are stored now."""
        stored = []
        self._embeddings = dict(_store_embeddings(db, steps, embedded))
        for step in steps:
            if isinstance(step, SourceEnd):
                self._end(db, step)
            elif self._write(db, step):
                stored.append(step.document.id)
        return stored

    def _write(self, db: Connection, step: Prepared) -> bool:
        document, name = step.document, source_name(step.document)
        seen = self._seen.setdefault(name, set())
        query = """select d.id, s.name, d.digest, d.modified
                   from documents d join sources s on s.id = d.source where d.name = ?"""
        row = db.execute(query, (document.id,)).get
        if row and row[1] != name:
            self._fail(step, "taken", f"the source {row[1]!r} already has a document {document.id!r}")
            return False
        if row and row[0] in seen:
            self._fail(step, "repeated", f"its source gives two documents {document.id!r}; the first one is kept")
            return False
        if row and row[2] == step.digest:
            self.count(unchanged=1)
            if row[3] != document.modified:
                _touch(db, row[0], document.modified)
            seen.add(row[0])
        else:
            source = _open_source(db, document, self._stamp)
            stored = _put(db, document, step.digest, source, row[0] if row else None)
            self.count(added=int(row is None), changed=int(row is not None), chunks=len(step.chunks or ()))
            self._put_chunks(db, stored, step)
            seen.add(stored)
        self._accounts[name] = self._accounts.get(name, Account()) + document.account
        self._facts[name] = (document.source_sha256, document.location, document.modified, self._stamp)
        return True

    def count(self, **more: int) -> None:
        """Add to counts of the report."""
        self.report = replace(self.report, **{name: getattr(self.report, name) + n for name, n in more.items()})

    def _fail(self, step: Prepared, reason: str, detail: str) -> None:
        self.failures.append(AddFailure(step.document.id, source_name(step.document), reason, detail))

    def _put_chunks(self, db: Connection, document: int, step: Prepared) -> None:
        if step.chunks is None:
            raise RuntimeError(f"document {step.document.id!r} changed while it was being added")
        rows = (
            (
                document,
                n,
                c.start,
                c.end,
                *_place(step.document, c),
                json.dumps(c.heading, ensure_ascii=False),
                self._embeddings[key],
                c.text,
            )
            for n, (c, key) in enumerate(zip(step.chunks, step.keys, strict=True))
        )
        insert = """insert into chunks (document, ordinal, start, "end", page, last_page, row, heading, embedding, text)
                    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id"""
        ids = list(db.executemany(insert, rows))
        sentences = (
            (chunk, n, part.start, part.end, self._embeddings[part.key])
            for (chunk,), parts in zip(ids, step.sentences, strict=True)
            for n, part in enumerate(parts)
        )
        db.executemany(
            'insert into sentences (chunk, ordinal, start, "end", embedding) values (?, ?, ?, ?, ?)', sentences
        )
        db.executemany("insert into changes (chunk, op) values (?, 1)", ids)

    def _end(self, db: Connection, step: SourceEnd) -> None:
        seen = self._seen.get(step.source, set())
        row = db.execute(
            "select id, complete, produced, account, sha256, location, modified, stamp from sources where name = ?",
            (step.source,),
        ).get
        if row is None or step.source not in self._facts:  # none of its documents was taken
            return
        source = row[0]
        if step.whole:
            held = [r[0] for r in db.execute("select id from documents where source = ?", (source,))]
            gone = [i for i in held if i not in seen]
            for document in gone:
                drop_document(db, document)
            self.count(removed=len(gone))
        count = db.execute("select count(*) from documents where source = ?", (source,)).get
        account = self._accounts[step.source] + Account(remarks=step.failures)
        shown = json.dumps(account.as_dict(), ensure_ascii=False)
        facts = (int(step.whole), count, shown, *self._facts[step.source])
        if row[1:] != facts:
            update = """update sources set complete = ?, produced = ?, account = ?, sha256 = ?, location = ?,
                        modified = ?, stamp = ? where id = ?"""
            db.execute(update, (*facts, source))


def _store_embeddings(db: Connection, steps: Sequence[Step], embedded: Embedded) -> Iterator[tuple[bytes, int]]:
    """Store the new embeddings; yield (key, row id) for every key of the batch."""
    db.executemany("insert into embeddings (key, vector) values (?, ?) on conflict do nothing", embedded.items())
    keys = {key for step in steps if isinstance(step, Prepared) for key in step.every_key()}
    yield from db.executemany("select key, id from embeddings where key = ?", ((key,) for key in keys))


def _open_source(db: Connection, document: Document, stamp: str) -> int:
    """Return the row of a document's source, marked incomplete until its end."""
    facts = (source_name(document), document.source_sha256, document.location, document.modified, stamp)
    upsert = """
        insert into sources (name, sha256, location, modified, stamp, complete, produced) values (?, ?, ?, ?, ?, 0, 0)
        on conflict (name) do update set sha256 = excluded.sha256, location = excluded.location,
            modified = excluded.modified, stamp = excluded.stamp, complete = 0
        returning id
    """
    return int(db.execute(upsert, facts).get)


def _put(db: Connection, document: Document, digest: str, source: int, row: int | None) -> int:
    """Insert a document, or replace its older version, whose chunks go."""
    facts = (
        source,
        document.title,
        document.type,
        document.modified,
        digest,
        json.dumps(dict(document.metadata), ensure_ascii=False, allow_nan=False),
        json.dumps(section_rows(document.sections), ensure_ascii=False),
        document.text,
        json.dumps(box_rows(document.boxes)),
    )
    if row is None:
        insert = """insert into documents (name, source, title, type, modified, digest, metadata, sections, text,
                    boxes) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id"""
        return int(db.execute(insert, (document.id, *facts)).get)
    drop_chunks(db, row)
    update = """update documents set source = ?, title = ?, type = ?, modified = ?, digest = ?, metadata = ?,
                sections = ?, text = ?, boxes = ? where id = ?"""
    db.execute(update, (*facts, row))
    return row


def _place(document: Document, chunk: Chunk) -> tuple[int | None, int | None, int | None]:
    """Return the first and the last page of a chunk, and the row of its first line, whichever chunker made it."""
    sections = sections_within(document.sections, chunk.start, chunk.end)
    pages: list[int | None] = [section.page for section in sections if section.page is not None]
    pages = pages or [chunk.page]
    row = row_at(section_at(sections, chunk.start), document.text, chunk.start)
    return pages[0], pages[-1], row


def _touch(db: Connection, document: int, modified: float | None) -> None:
    db.execute("update documents set modified = ? where id = ?", (modified, document))
    db.execute("insert into changes (chunk, op) values (0, 0)")


def drop_chunks(db: Connection, document: int) -> None:
    """Remove a document's chunks; their embeddings stay cached until ``purge``."""
    db.execute("insert into changes (chunk, op) select id, -1 from chunks where document = ? order by id", (document,))
    db.execute("delete from chunks where document = ?", (document,))


def drop_document(db: Connection, document: int) -> None:
    """Remove a document."""
    drop_chunks(db, document)
    db.execute("delete from documents where id = ?", (document,))


def drop_source(db: Connection, source: int) -> int:
    """Remove a source; return how many documents went with it."""
    held = [row[0] for row in db.execute("select id from documents where source = ?", (source,))]
    for document in held:
        drop_document(db, document)
    db.execute("delete from meta where key = (select 'setting:hidden:' || name from sources where id = ?)", (source,))
    db.execute("delete from sources where id = ?", (source,))
    return len(held)
