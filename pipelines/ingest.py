"""Files in, searchable knowledge base out: what ``rag ingest`` does, callable from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.knowledge_base import KnowledgeBase

from rag.documents import Document, Scalar
from rag.embedding.protocol import Embedder
from rag.errors import InvalidInput, StoreMismatch
from rag.loaders import Found, LoadFailure, discover, load_files

ProgressCallback = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a knowledge base is made; an existing one keeps its own, and asking for another is an error.

    None means: the knowledge base's own, or the default for a new one.
    """

    indexes: tuple[str, ...] | None = None
    chunker: str | None = None
    embedder: str | Embedder | None = None


@dataclass(slots=True)
class Progress:
    """How far an ingest is."""

    files: int = 0
    files_done: int = 0
    documents: int = 0
    chunks: int = 0
    stage: str = "reading"


@dataclass(slots=True)
class IngestReport:
    """What an ingest did: every file found is in exactly one of read, unchanged and failed.

    Attributes
    ----------
    found
        Files found, those that could not be read included.
    unchanged_files
        Files whose bytes are those of the last ingest: neither parsed nor embedded.
    added, changed, unchanged, removed
        Documents.
    chunks, embedded
        Chunks written, and how many of them needed the model.
    failures
        One per file or archive member that is not in, with the reason.
    """

    into: str
    created: bool = False
    found: int = 0
    unchanged_files: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    failures: list[LoadFailure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON; ``failed`` counts the listed failures."""
        rows = [{"source": f.source, "reason": f.reason, "detail": f.detail} for f in self.failures]
        counts = {name: getattr(self, name) for name in self.__slots__ if name != "failures"}
        return {**counts, "failed": len(rows), "failures": rows}


def ingest(
    paths: Iterable[str | Path],
    into: str | Path,
    *,
    options: Options | None = None,
    meta: Mapping[str, Scalar] | None = None,
    prune: bool = False,
    wait: float = 0.0,
    on_progress: ProgressCallback | None = None,
) -> IngestReport:
    """Bring a knowledge base up to date with files and folders.

    Parameters
    ----------
    paths
        Files, folders, or ``beir:DIR``.
    into
        The knowledge base; made if it is not there.
    options
        Engine, chunker, embedder of a new knowledge base.
    meta
        Fields that every document gets.
    prune
        Remove documents whose files have vanished from the given folders.
    wait
        Seconds to wait for another writer.
    on_progress
        Called now and then with how far it is.

    Raises
    ------
    InvalidInput
        If a path does not exist, or no path is given.
    StoreError
        If the knowledge base is damaged, locked, not writable, or made with other options.
    """
    start = time.perf_counter()
    paths = [str(path) for path in paths]
    _check_paths(paths)
    options = options or Options()
    report = IngestReport(into=str(into))
    kb, report.created = _open(Path(into), options, wait)
    with kb:
        reading = _Reading(kb, report, on_progress)
        added = kb.add(reading.documents(paths, meta), on_progress=lambda p: reading.stored(p.documents, p.chunks))
        for failure in added.failures:
            report.failures.append(LoadFailure(failure.source, failure.reason, failure.detail))
        report.added, report.changed, report.unchanged = added.added, added.changed, added.unchanged
        report.removed, report.chunks, report.embedded = added.removed, added.chunks, added.embedded
        if prune:
            report.removed += kb.prune(paths)
    report.seconds = time.perf_counter() - start
    return report


def _check_paths(paths: list[str]) -> None:
    if not paths:
        raise InvalidInput("give at least one file or folder to ingest")
    for path in paths:
        if not Path(path.removeprefix("beir:")).exists():
            raise InvalidInput(f"{path} does not exist")


def _open(into: Path, options: Options, wait: float) -> tuple[KnowledgeBase, bool]:
    if not KnowledgeBase.exists(into):
        given = {"indexes": options.indexes, "chunker": options.chunker, "embedder": options.embedder}
        return KnowledgeBase.create(into, **{k: v for k, v in given.items() if v is not None}), True
    kb = KnowledgeBase.open(into, mode="w", embedder=options.embedder, wait=wait)
    try:
        _check_same(kb, options, into)
    except StoreMismatch:
        kb.close()
        raise
    return kb, False


def _check_same(kb: KnowledgeBase, options: Options, into: Path) -> None:
    if options.indexes is not None and tuple(options.indexes) != tuple(kb.status().indexes):
        have = " ".join(f"--index {spec}" for spec in kb.status().indexes)
        want = " ".join(f"--index {spec}" for spec in options.indexes)
        raise StoreMismatch(f"{into} has {have}, not {want}; change its indexes with: rag reindex {into} {want}")
    if options.chunker is not None and options.chunker != kb.chunker.name:
        raise StoreMismatch(
            f"{into} was made with --chunker {kb.chunker.name}, not {options.chunker}; "
            "leave the option out, or ingest into another folder"
        )


class _Reading:
    """The files of one ingest on their way into the knowledge base, counted as they pass."""

    def __init__(self, kb: KnowledgeBase, report: IngestReport, on_progress: ProgressCallback | None) -> None:
        self.kb = kb
        self.report = report
        self.progress = Progress()
        self.on_progress = on_progress

    def documents(self, paths: list[str], meta: Mapping[str, Scalar] | None) -> Iterator[Document]:
        """Yield the documents of every file that has changed."""
        changed = list(self._changed(paths, meta))
        self.progress.files = len(changed)
        self.tell()
        last = ""
        for loaded in load_files(changed, meta=meta):
            if isinstance(loaded, LoadFailure):
                self.report.failures.append(loaded)
                continue
            if loaded.source != last:
                last = loaded.source
                self.progress.files_done += 1
                self.tell()
            yield loaded
        self.progress.files_done, self.progress.stage = self.progress.files, "writing"
        self.tell()

    def _changed(self, paths: list[str], meta: Mapping[str, Scalar] | None) -> Iterator[Found]:
        known = self.kb.sources()
        for found in discover(paths, meta=meta):
            self.report.found += 1
            if isinstance(found, LoadFailure):
                self.report.failures.append(found)
                continue
            before = known.get(found.source)
            if before is not None and before.complete and before.sha256 == found.sha256:
                self.report.unchanged_files += 1
            else:
                yield found

    def stored(self, documents: int, chunks: int) -> None:
        """Note what the knowledge base has acknowledged."""
        self.progress.documents, self.progress.chunks = documents, chunks
        self.tell()

    def tell(self) -> None:
        if self.on_progress is not None:
            self.on_progress(self.progress)
