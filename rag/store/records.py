"""Records and reports of a knowledge base: sources, chunks, progress, status, verification, repair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..documents.account import Account
from ..documents.document import Metadata
from ..documents.sections import Section


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A file, or whatever else documents came from.

    Attributes
    ----------
    sha256
        SHA-256 of its bytes when it was read.
    location
        Absolute path; empty if there is none.
    documents
        How many of its documents are stored.
    complete
        Its whole content is stored. False after an interrupted or partly failed reading: read it again.
    modified
        Modification time, seconds since the epoch.
    stamp
        The mark that the caller of ``add`` gave it (say, a digest of loader options): another mark means read it again.
    account
        What of it is not in its documents.
    """

    sha256: str
    location: str
    documents: int
    complete: bool
    modified: float | None = None
    stamp: str = ""
    account: Account = field(default_factory=Account)


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk is: its id, its document, and the characters of it, half open."""

    id: int
    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A stored chunk with the facts of its document that a passage shows.

    ``start`` and ``end`` are character offsets of ``text`` in the document; ``ordinal`` counts its chunks from 0;
    ``sections`` are the document's that it touches.
    """

    id: int
    document: str
    source: str
    title: str
    type: str
    metadata: Metadata
    ordinal: int
    start: int
    end: int
    heading: tuple[str, ...]
    page: int | None
    text: str
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class AddFailure:
    """A document that was not added, and why; all others were.

    ``reason`` is one word: ``taken`` (another source has a document of that id), ``repeated`` (its own source has), or
    a loader's. ``skipped`` is true if nothing went wrong: it just cannot be read as text.
    """

    document: str
    source: str
    reason: str
    detail: str
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class AddReport:
    """The result of one ``add``.

    Attributes
    ----------
    added, changed, unchanged, removed
        Documents. ``removed`` are those that their sources no longer hold.
    chunks
        Chunks written; ``embedded`` of them had to be embedded, the others' vectors were known.
    failures
        Documents that were refused.
    seconds
        Wall-clock time, searchable and durable at its end.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    failures: tuple[AddFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class AddProgress:
    """Progress of an ``add``: ``documents`` and ``chunks`` are safe on disk, ``embedded`` texts may be ahead."""

    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One saved index: its spec, folder, the change it covers, bytes on disk, and changes since (``tail``).

    ``memory`` is what it takes once it is loaded, in bytes, told without loading it.
    """

    spec: str
    folder: str
    seq: int
    bytes: int
    tail: int
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Counts, sizes and identity of a knowledge base.

    Attributes
    ----------
    seq
        Number of the last change.
    orphans
        Cached embeddings that no chunk uses; ``purge`` drops them.
    bytes
        Size on disk by part: ``store``, ``log``, ``indexes``, ``other``.
    identity
        Format, embedder, metric, chunker, analyser.
    account
        The sum of all sources' accounts, without remarks; ``remarked`` sources have a line to say, see `SourceInfo`.
    may_miss_documents
        A repair could not save everything, and nothing has been ingested since.
    purge_due
        A deletion was cut short: bytes of removed documents are on disk until the next writer, or ``purge``.
    not_in
        Files that the last ingest of their folder could not read at all, with the reason; each ingest tries them again.
    hidden
        Sources that no search finds, see `KnowledgeBase.hide`.
    automatic
        The choice of an automatic index in words; None if the indexes were named.
    languages
        Documents by language, as detected, the commonest first; see `rag.languages`.
    """

    path: str
    sources: int
    incomplete: int
    documents: int
    chunks: int
    embeddings: int
    orphans: int
    seq: int
    bytes: Mapping[str, int]
    identity: Mapping[str, str]
    indexes: tuple[str, ...]
    generations: tuple[GenerationInfo, ...]
    disk_bytes: int
    account: Account
    remarked: int
    may_miss_documents: bool = False
    purge_due: bool = False
    not_in: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    automatic: str | None = None
    languages: Mapping[str, int] = field(default_factory=dict)

    @property
    def memory(self) -> int:
        """Bytes of memory that the indexes take once a search has loaded them; caches of searches come to that."""
        return sum(each.memory for each in self.generations)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that ``verify`` found wrong.

    Attributes
    ----------
    file
        Which part, relative to the folder of the knowledge base.
    kind
        ``damaged``, ``outdated`` (an index that another version saved), ``missing`` (in the index, of what the store
        has), ``extra`` (in the index, unknown to the store), ``recall`` (neighbours that an index does not find, though
        it has them), ``span``, ``digest``, ``vector``, ``lost documents`` or ``reference``.
    count
        How many; ``ids`` are all of them: chunk ids, document ids or source names.
    """

    file: str
    kind: str
    count: int
    ids: tuple[int | str, ...] = ()
    detail: str = ""

    def __str__(self) -> str:
        shown = ", ".join(str(i) for i in self.ids[:20]) + (", ..." if len(self.ids) > 20 else "")
        return (
            f"{self.file}: {self.count} {self.kind}"
            + (f" ({shown})" if shown else "")
            + (f": {self.detail}" if self.detail else "")
        )


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of ``verify``: counts of what was read, and problems; ``ok`` if there are none.

    ``orphans`` are the ids of cached embeddings without a chunk: no problem, ``purge`` drops them.
    """

    sources: int
    documents: int
    chunks: int
    embeddings: int
    indexes: Mapping[str, int]
    problems: tuple[Problem, ...] = ()
    orphans: tuple[int, ...] = ()
    leftovers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class RepairReport:
    """The result of ``repair``.

    Attributes
    ----------
    rebuilt
        Specs of the indexes that were built again from the store.
    removed
        Leftover files that were deleted.
    lost
        Documents (ids) that could not be read any more.
    reingest
        Sources (name -> location) whose documents have to be read again: ``rag ingest`` them.
    salvaged
        True when the database itself was damaged and what is readable was copied into a new one, by this repair or by
        an earlier one, and nothing has been ingested since.
    commits_lost
        True when commits that were acknowledged are missing, and nothing has been ingested since.
    documents
        Documents that the knowledge base holds now.
    settings_lost
        True when it was salvaged and the page with the pipeline, calibrations and hidden sources could not be read.
    """

    rebuilt: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reingest: Mapping[str, str] = field(default_factory=dict)
    salvaged: bool = False
    documents: int = 0
    commits_lost: bool = False
    settings_lost: bool = False

    @property
    def may_miss_documents(self) -> bool:
        """Say whether documents are lost, or may be: the contents of unreadable pages are unknown."""
        return self.salvaged or self.commits_lost or bool(self.lost) or bool(self.reingest)

    @property
    def done(self) -> list[str]:
        """One sentence for each thing that was done; empty when nothing was wrong."""
        lines = []
        if self.salvaged:
            kept = f"the database was damaged: the {self.documents} documents that could be read are in a new one"
            lines.append(f"{kept}; ingest your folders again to bring back the rest, what is there costs nothing")
        if self.settings_lost:
            lines.append("pipeline, calibrations and hidden documents are not known any more: set them again")
        if self.commits_lost:
            lines.append("the last changes were lost; ingest your folders again, what is there costs nothing")
        lines += [f"index {spec} rebuilt from the store" for spec in self.rebuilt]
        lines += [f"leftover {name} deleted" for name in self.removed]
        lines += [f"document {name} is lost" for name in self.lost]
        lines += [f"ingest again: {name}" + (f" ({place})" if place else "") for name, place in self.reingest.items()]
        return lines
