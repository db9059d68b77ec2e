"""The rows of one commit: facts change in the mirror's transaction, all else is collected to be written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...documents.boxes import box_rows
from ...documents.document import context_text
from ...documents.sections import section_rows
from ...errors import InvalidInput
from ...languages import language
from ...terms import Analyser
from .. import blobs, postings_search
from ..database import Connection
from ..document_rows import DocumentRows, drop_chunks
from ..identity import Identity
from ..writing import Embedded, Prepared, Step, place
from . import mirror, postings, reading
from .client import NEVER, Client, Row
from .packing import LONGEST, packed
from .schema import CHUNKS, DOCUMENT, NO_VECTOR, RECORDS, SENTENCES, SETTINGS, SOURCE, TEXT, Segment, State

_KEYS = 500


@dataclass(slots=True)
class Changed:
    """The rows of the mirror that a commit has changed."""

    sources: set[int] = field(default_factory=set)
    documents: set[int] = field(default_factory=set)

    def note(self, _kind: int, _database: str, table: str, row: int) -> None:
        """Take a change, as SQLite tells of it."""
        if table == "sources":
            self.sources.add(row)
        elif table == "documents":
            self.documents.add(row)


class MilvusRows(DocumentRows):
    """See `rag.store.writing.Rows`; ``ship`` writes all of it for a commit, which is still to be made.

    Parameters
    ----------
    db
        The mirror, in a transaction.
    before
        The state that the commit follows.
    """

    def __init__(
        self, client: Client, db: Connection, before: State, identity: Identity, analyser: Callable[[], Analyser] | None
    ) -> None:
        super().__init__(db)
        self._client = client
        self._before = before
        self._identity = identity
        self._analyser = analyser
        self._known: dict[bytes, tuple[NDArray[np.float32], bytes | None]] = {}
        self._chunks: list[Row] = []
        self._sentences: list[Row] = []
        self._texts: dict[int, list[str]] = {}
        self._bags: list[str] = []
        self._next_chunk = before.next_chunk
        self._settings = mirror.settings_value(db)
        self.changed = Changed()
        self.new_terms: list[list[tuple[str, postings.Records]]] = []
        self.old_segments: Sequence[Segment] = ()
        self.new_state: dict[str, Any] = {}
        self.recounted: set[int] = set()

    @property
    def facts(self) -> Connection:
        """The mirror, in its transaction."""
        return self._db

    # ---- as a `DocumentWriter` changes them -----------------------------------------------------------------------

    def begin(self, steps: Sequence[Step], embedded: Embedded) -> None:
        """Take the new embeddings, and read the others that the batch needs."""
        dim = self._identity.dim
        for key, (vector, tokens) in embedded.items():
            self._known[key] = (blobs.vectors([vector], dim)[0], tokens)
        prepared = [step for step in steps if isinstance(step, Prepared) and step.chunks is not None]
        missing = list({key for step in prepared for key in step.every_key()} - embedded.keys())
        for name in (SENTENCES, CHUNKS) if self._identity.has_sentences else (CHUNKS,):
            fields = ["key", "vector", *(["tokens"] if name == CHUNKS else [])]
            for row in rows_of_keys(self._client, name, missing, fields):
                tokens = reading.tokens_of(row) if name == CHUNKS else None
                self._known[bytes.fromhex(row["key"])] = (np.array(row["vector"], np.float32), tokens)

    def put(self, step: Prepared, source: int, row: int | None) -> int:
        """Insert a document with its chunks, or replace the older version of that row, whose chunks go."""
        document = step.document
        facts = (
            document.id,
            source,
            document.title,
            document.type,
            document.modified,
            step.digest,
            json.dumps(dict(document.metadata), ensure_ascii=False, allow_nan=False),
            language(document.text) if step.language is None else step.language,
        )
        if row is None:
            columns = f"documents ({mirror.DOCUMENT_FACTS})"
            insert = f"insert into {columns} values (?, ?, ?, ?, ?, ?, ?, ?) returning id"  # noqa: S608 - from there
            row = int(self._db.execute(insert, facts).get)
        else:
            drop_chunks(self._db, row)
            update = """update documents set source = ?, title = ?, type = ?, modified = ?, digest = ?, metadata = ?,
                        language = ? where id = ?"""
            self._db.execute(update, (*facts[1:], row))
        sections = section_rows(document.sections)
        boxes = json.dumps(box_rows(document.boxes))
        self._texts[row] = [document.text, json.dumps(sections, ensure_ascii=False), boxes]
        for n in range(len(step.keys)):
            self._put_chunk(row, step, n, sections)
        return row

    def _put_chunk(self, document: int, step: Prepared, n: int, sections: Any) -> None:  # noqa: ANN401 - of JSON
        chunk, key = (step.chunks or ())[n], step.keys[n]
        id_, self._next_chunk = self._next_chunk, self._next_chunk + 1
        heading = json.dumps(chunk.heading, ensure_ascii=False)
        facts = (id_, document, n, chunk.start, chunk.end, *place(step.document, chunk), heading)
        insert = """insert into chunks (id, document, ordinal, start, "end", page, last_page, row, heading, terms)
                    values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"""
        self._db.execute(insert, facts)
        self._db.execute("insert into changes (chunk, op) values (?, 1)", (id_,))
        near = [each for each in sections if each[0] < chunk.end and each[1] > chunk.start]
        data = json.dumps([chunk.text, json.dumps(near)])  # in ASCII, of which each sign is a byte
        vector, tokens = self._known[key]
        codes = base64.b64encode(tokens).decode() if tokens else ""
        if len(codes) > LONGEST:
            raise InvalidInput(
                f"document {step.document.id!r}: the states of a chunk's {len(codes)} bytes of tokens do not fit into "
                "Milvus; take shorter chunks, or the granularity chunk+late"
            )
        own = {"document": document, "key": key.hex(), "data": data if len(data) <= LONGEST else "", "tokens": codes}
        self._chunks.append({"id": id_, **own, "vector": vector})
        self._bags.append(context_text(step.document.title, chunk.heading, chunk.text))
        for m, part in enumerate(step.sentences[n] if step.sentences else ()):
            span = {"chunk": id_, "ordinal": m, "start": part.start, "stop": part.end}
            self._sentences.append({**span, "key": part.key.hex(), "vector": self._known[part.key][0]})

    def recount(self, lengths: Sequence[tuple[int, int]]) -> None:
        """Note how many terms chunks have, given with their ids."""
        query = "select document from chunks where id = ? and terms <> ?"
        found = self._db.executemany(query, [(chunk, length) for chunk, length in lengths])
        self.recounted |= {row[0] for row in found} - self.changed.documents
        self._db.executemany("update chunks set terms = ? where id = ?", [(n, chunk) for chunk, n in lengths])
        self.changed.documents |= self.recounted

    # ---- writing --------------------------------------------------------------------------------------------------

    def ship(self, *, changed: bool = False) -> State | None:
        """Write all rows of the next commit; return its state, or None if there is nothing to commit.

        ``changed`` counts a change even if no chunk or document is one. Segments of ``new_terms`` take the place of
        ``old_segments``, and ``new_state`` that of the state's own facts.
        """
        db, before, version = self._db, self._before, self._before.version + 1
        ops = list(db.execute("select chunk, op from changes"))
        settings = mirror.settings_value(db)
        rearranged = bool(self.new_terms or self.old_segments or self.new_state)
        touched = bool(self.changed.sources or self.changed.documents)
        if not (ops or touched or settings != self._settings or changed or rearranged):
            return None
        moved = changed or bool(ops) or bool(self.changed.documents - self.recounted)
        self._analyse()
        segments, postings_rows = self._segments(version)
        new, removed = {row["id"] for row in self._chunks}, {chunk for chunk, op in ops if op < 0}
        gone = sorted(removed - new)
        span = {"born": version, "died": NEVER}
        self._client.write(CHUNKS, ({**row, **span} for row in self._chunks))
        sentence = before.next_sentence
        numbered = ({"id": sentence + n, **row, **span} for n, row in enumerate(self._sentences))
        if self._sentences:
            self._client.write(SENTENCES, numbered)
        records, dead = self._records(version, before.next_record + len(postings_rows), settings)
        self._client.write(RECORDS, [*postings_rows, *records])
        self._client.change(RECORDS, [*dead, *self._old_postings()], died=version)
        self._client.change(CHUNKS, gone, died=version)
        if self._identity.has_sentences:
            self._client.change(SENTENCES, self._sentence_ids(gone), died=version)
        chunks, terms = next(iter(db.execute("select count(*), coalesce(sum(terms), 0) from chunks")))
        return replace(
            before,
            version=version,
            seq=before.seq + int(moved),
            chunks=chunks,
            terms=terms,
            next_record=before.next_record + len(postings_rows) + len(records),
            next_chunk=self._next_chunk,
            next_sentence=sentence + len(self._sentences),
            next_segment=before.next_segment + len(segments),
            segments=(*(each for each in before.segments if each not in self.old_segments), *segments),
            **self.new_state,
        )

    def _old_postings(self) -> list[int]:
        return postings.row_ids(self._client, self.old_segments, self._before.next_record)

    def _analyse(self) -> None:
        """Find the terms of the new chunks, and note how many they are."""
        if self._analyser is None or not self._chunks:
            return
        bags = self._analyser().terms_many(self._bags)
        ids = [row["id"] for row in self._chunks]
        self._db.executemany("update chunks set terms = ? where id = ?", zip(map(len, bags), ids, strict=True))
        self.new_terms.append(list(postings_search.grouped(ids, bags)))

    def _segments(self, version: int) -> tuple[list[Segment], list[Row]]:
        """Return the new segments and their rows."""
        segments: list[Segment] = []
        rows: list[Row] = []
        before = self._before
        for terms in self.new_terms:
            number, first = before.next_segment + len(segments), before.next_record + len(rows)
            segment, own = postings.segment_rows(terms, number, version, first)
            segments.append(segment)
            rows += own
        return segments, rows

    def _records(self, version: int, first: int, settings: dict[str, str]) -> tuple[list[Row], list[int]]:
        """Return the records to write, with ids from ``first`` on, and the ids of those that die by it."""
        rows: list[Row] = []
        dead: list[int] = []

        def replaced(kind: int, owner: int, value: object | None) -> None:
            dead.extend(mirror.held(self._db, kind, owner))
            made: list[Row] = []
            for number, data in enumerate([] if value is None else packed(value)):
                facts = {"kind": kind, "owner": owner, "number": number, "part": 0, "born": version, "died": NEVER}
                made.append({"id": first + len(rows) + len(made), **facts, "data": data, "vector": NO_VECTOR})
            rows.extend(made)
            mirror.note(self._db, kind, owner, [row["id"] for row in made])

        for source in sorted(self.changed.sources):
            replaced(SOURCE, source, mirror.source_value(self._db, source))
        for document in sorted(self.changed.documents):
            value = mirror.document_value(self._db, document)
            replaced(DOCUMENT, document, value)
            if value is None or document in self._texts:
                replaced(TEXT, document, None if value is None else self._texts[document])
        if settings != self._settings:
            replaced(SETTINGS, 0, settings)
        return rows, dead

    def _sentence_ids(self, chunks: Sequence[int]) -> list[int]:
        found: list[int] = []
        for start in range(0, len(chunks), 100):
            test = f"chunk in {list(chunks[start : start + 100])} and died == {NEVER}"
            found += [row["id"] for row in self._client.query(SENTENCES, test, [])]
        return found


def rows_of_keys(client: Client, name: str, keys: Iterable[bytes], fields: Sequence[str]) -> Iterator[Row]:
    """Yield rows with embeddings of these keys: those of dead rows count, they are the cache."""
    wanted = [key.hex() for key in keys]
    for start in range(0, len(wanted), _KEYS):
        listed = ", ".join(f'"{key}"' for key in wanted[start : start + _KEYS])
        yield from client.query(name, f"key in [{listed}]", fields)
