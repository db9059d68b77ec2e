"""The rows of a knowledge base's database: documents are added and dropped whole, inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..documents.boxes import box_rows
from ..documents.document import Document
from ..documents.sections import section_rows
from ..languages import language
from .database import Connection
from .writing import Embedded, Prepared, Step, StoredDocument, StoredSource, place, source_name


class DocumentRows:
    """The rows of the database, see `rag.store.writing.Rows`."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._embeddings: dict[bytes, int] = {}

    def begin(self, steps: Sequence[Step], embedded: Embedded) -> None:
        """Store the new embeddings."""
        self._embeddings = dict(_store_embeddings(self._db, steps, embedded))

    def document(self, name: str) -> StoredDocument | None:
        """Return the document of an id."""
        query = """select d.id, s.name, d.digest, d.modified
                   from documents d join sources s on s.id = d.source where d.name = ?"""
        row = self._db.execute(query, (name,)).get
        return StoredDocument(*row) if row else None

    def touch(self, document: int, modified: float | None) -> None:
        """Change when a document was modified."""
        self._db.execute("update documents set modified = ? where id = ?", (modified, document))
        self._db.execute("insert into changes (chunk, op) values (0, 0)")

    def open_source(self, document: Document, stamp: str) -> int:
        """Return the row of a document's source, marked incomplete until its end."""
        facts = (source_name(document), document.source_sha256, document.location, document.modified, stamp)
        upsert = """
            insert into sources (name, sha256, location, modified, stamp, complete, produced)
            values (?, ?, ?, ?, ?, 0, 0)
            on conflict (name) do update set sha256 = excluded.sha256, location = excluded.location,
                modified = excluded.modified, stamp = excluded.stamp, complete = 0
            returning id
        """
        return int(self._db.execute(upsert, facts).get)

    def put(self, step: Prepared, source: int, row: int | None) -> int:
        """Insert a document with its chunks, or replace the older version of that row, whose chunks go."""
        document = _put(self._db, step, source, row)
        self._put_chunks(document, step)
        return document

    def source(self, name: str) -> StoredSource | None:
        """Return the source of a name."""
        query = "select id, complete, produced, account, sha256, location, modified, stamp from sources where name = ?"
        row = self._db.execute(query, (name,)).get
        return StoredSource(*row) if row else None

    def held(self, source: int) -> list[int]:
        """Return the rows of a source's documents."""
        return [row[0] for row in self._db.execute("select id from documents where source = ?", (source,))]

    def drop(self, document: int) -> None:
        """Remove a document."""
        drop_document(self._db, document)

    def close_source(self, found: StoredSource) -> None:
        """Set the facts of a source."""
        update = """update sources set complete = ?, produced = ?, account = ?, sha256 = ?, location = ?,
                    modified = ?, stamp = ? where id = ?"""
        self._db.execute(update, (*found[1:], found.row))

    def _put_chunks(self, document: int, step: Prepared) -> None:
        db = self._db
        rows = (
            (
                document,
                n,
                c.start,
                c.end,
                *place(step.document, c),
                json.dumps(c.heading, ensure_ascii=False),
                self._embeddings[key],
                c.text,
            )
            for n, (c, key) in enumerate(zip(step.chunks or (), step.keys, strict=True))
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


def _store_embeddings(db: Connection, steps: Sequence[Step], embedded: Embedded) -> Iterator[tuple[bytes, int]]:
    """Store the new embeddings; yield (key, row id) for every key of the batch."""
    insert = "insert into embeddings (key, vector, tokens) values (?, ?, ?) on conflict do nothing"
    db.executemany(insert, ((key, *of) for key, of in embedded.items()))
    keys = {key for step in steps if isinstance(step, Prepared) for key in step.every_key()}
    yield from db.executemany("select key, id from embeddings where key = ?", ((key,) for key in keys))


def _put(db: Connection, step: Prepared, source: int, row: int | None) -> int:
    """Insert a document, or replace its older version, whose chunks go."""
    document = step.document
    facts = (
        source,
        document.title,
        document.type,
        document.modified,
        step.digest,
        json.dumps(dict(document.metadata), ensure_ascii=False, allow_nan=False),
        json.dumps(section_rows(document.sections), ensure_ascii=False),
        document.text,
        json.dumps(box_rows(document.boxes)),
        language(document.text) if step.language is None else step.language,
    )
    if row is None:
        insert = """insert into documents (name, source, title, type, modified, digest, metadata, sections, text,
                    boxes, language) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id"""
        return int(db.execute(insert, (document.id, *facts)).get)
    drop_chunks(db, row)
    update = """update documents set source = ?, title = ?, type = ?, modified = ?, digest = ?, metadata = ?,
                sections = ?, text = ?, boxes = ?, language = ? where id = ?"""
    db.execute(update, (*facts, row))
    return row


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
