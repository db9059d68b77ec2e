"""Add documents to a store: always whole, inside the caller's transaction."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from ..documents.account import Account
from ..documents.document import Chunk, Document
from ..documents.sections import row_at, section_at, sections_within
from .records import AddFailure, AddReport, SourceInfo


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
    language
        The document's, if it was detected before.
    originals
        The ids of its chunks in the folder it is copied from.
    """

    document: Document
    digest: str
    chunks: Sequence[Chunk] | None = None
    keys: Sequence[bytes] = ()
    sentences: Sequence[Sequence[ChunkSentence]] = ()
    language: str | None = None
    originals: Sequence[int] = ()

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
Part = tuple[Sequence[Step], "Embedded"]
"""Steps, and the embeddings that they need."""
Embedded = Mapping[bytes, tuple[bytes, bytes | None]]
"""The blobs of new embeddings by their keys: the vector's, and that of the states of its tokens, if they are kept."""


def source_name(document: Document) -> str:
    """Return the source a document belongs to; one without is its own."""
    return document.source or document.id


@dataclass(frozen=True, slots=True)
class Exported:
    """Documents of a store on their way into another, with all embeddings of theirs."""

    steps: Sequence[Prepared]
    embedded: Embedded


class StoredDocument(NamedTuple):
    """What a store knows of a document: its row, the name of its source, its digest, and when it was modified."""

    row: int
    source: str
    digest: str
    modified: float | None


class StoredSource(NamedTuple):
    """What a store knows of a source: its row, and the facts that its end sets."""

    row: int
    complete: int
    produced: int
    account: str
    sha256: str
    location: str
    modified: float | None
    stamp: str


class Rows(Protocol):
    """The rows of a store inside one transaction, as a `DocumentWriter` changes them."""

    def begin(self, steps: Sequence[Step], embedded: Embedded) -> None:
        """Take a batch and the embeddings that are new in it."""
        ...

    def document(self, name: str) -> StoredDocument | None:
        """Return the document of an id."""
        ...

    def touch(self, document: int, modified: float | None) -> None:
        """Change when a document was modified."""
        ...

    def open_source(self, document: Document, stamp: str) -> int:
        """Return the row of a document's source, marked incomplete until its end."""
        ...

    def put(self, step: Prepared, source: int, row: int | None) -> int:
        """Insert a document with its chunks, or replace the older version of that row, whose chunks go."""
        ...

    def source(self, name: str) -> StoredSource | None:
        """Return the source of a name."""
        ...

    def held(self, source: int) -> list[int]:
        """Return the rows of a source's documents."""
        ...

    def drop(self, document: int) -> None:
        """Remove a document; its embeddings stay cached until ``purge``."""
        ...

    def close_source(self, found: StoredSource) -> None:
        """Set the facts of a source."""
        ...


class PartByPart(ABC):
    """Writes a copy by a commit for each part, see `rag.store.protocol.Writing`."""

    @abstractmethod
    def apply(self, writer: DocumentWriter, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch in one durable commit."""

    def apply_all(
        self, writer: DocumentWriter, parts: Iterator[Part], terms: Callable[[], object], most: int
    ) -> Iterator[None]:
        """Write parts of a copy, and yield after each commit; terms are analysed, and no commit is larger."""
        del terms, most
        for steps, embedded in parts:
            self.apply(writer, steps, embedded)
            yield


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

    def apply(self, rows: Rows, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch; return the ids of its documents that are stored now."""
        stored = []
        rows.begin(steps, embedded)
        for step in steps:
            if isinstance(step, SourceEnd):
                self._end(rows, step)
            elif self._write(rows, step):
                stored.append(step.document.id)
        return stored

    def _write(self, rows: Rows, step: Prepared) -> bool:
        document, name = step.document, source_name(step.document)
        seen = self._seen.setdefault(name, set())
        found = rows.document(document.id)
        if found and found.source != name:
            self._fail(step, "taken", f"the source {found.source!r} already has a document {document.id!r}")
            return False
        if found and found.row in seen:
            self._fail(step, "repeated", f"its source gives two documents {document.id!r}; the first one is kept")
            return False
        if found and found.digest == step.digest:
            self.count(unchanged=1)
            if found.modified != document.modified:
                rows.touch(found.row, document.modified)
            seen.add(found.row)
        else:
            if step.chunks is None:
                raise RuntimeError(f"document {document.id!r} changed while it was being added")
            source = rows.open_source(document, self._stamp)
            seen.add(rows.put(step, source, found.row if found else None))
            self.count(added=int(found is None), changed=int(found is not None), chunks=len(step.chunks))
        self._accounts[name] = self._accounts.get(name, Account()) + document.account
        self._facts[name] = (document.source_sha256, document.location, document.modified, self._stamp)
        return True

    def count(self, **more: int) -> None:
        """Add to counts of the report."""
        self.report = replace(self.report, **{name: getattr(self.report, name) + n for name, n in more.items()})

    def _fail(self, step: Prepared, reason: str, detail: str) -> None:
        self.failures.append(AddFailure(step.document.id, source_name(step.document), reason, detail))

    def _end(self, rows: Rows, step: SourceEnd) -> None:
        seen = self._seen.get(step.source, set())
        found = rows.source(step.source)
        if found is None or step.source not in self._facts:  # none of its documents was taken
            return
        held = rows.held(found.row)
        if step.whole:
            gone = [row for row in held if row not in seen]
            for document in gone:
                rows.drop(document)
            self.count(removed=len(gone))
            held = held if not gone else rows.held(found.row)
        account = self._accounts[step.source] + Account(remarks=step.failures)
        shown = json.dumps(account.as_dict(), ensure_ascii=False)
        now = StoredSource(found.row, int(step.whole), len(held), shown, *self._facts[step.source])
        if found != now:
            rows.close_source(now)


def place(document: Document, chunk: Chunk) -> tuple[int | None, int | None, int | None]:
    """Return the first and the last page of a chunk, and the row of its first line, whichever chunker made it."""
    if not document.sections:
        return chunk.page, chunk.page, None
    sections = sections_within(document.sections, chunk.start, chunk.end)
    pages: list[int | None] = [section.page for section in sections if section.page is not None]
    pages = pages or [chunk.page]
    row = row_at(section_at(sections, chunk.start), document.text, chunk.start)
    return pages[0], pages[-1], row


def source_facts(name: str, info: SourceInfo) -> tuple[int, int, str, str, str, float | None, str, str]:
    """Return the facts of a `StoredSource` that is all there, or not, and the name instead of its row."""
    account = json.dumps(info.account.as_dict(), ensure_ascii=False)
    return int(info.complete), info.documents, account, info.sha256, info.location, info.modified, info.stamp, name
