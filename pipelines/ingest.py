"""Files in, searchable knowledge base out: what ``rag ingest`` does, callable from Python."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

import indexes
from rag.documents import Document, Scalar
from rag.embedding import DEFAULT_MODEL
from rag.embedding.protocol import Embedder
from rag.errors import InvalidInput, StoreMismatch
from rag.knowledge_base import KnowledgeBase, SourceInfo
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
    granularity: str | None = None


@dataclass(slots=True)
class Progress:
    """How far an ingest is.

    Attributes
    ----------
    files, files_read
        Changed files, and those of them that were read.
    documents_read, documents, chunks
        Documents that were read; documents that are safe on disk; chunks that are there or embedded at least.
    stage
        ``reading`` until all files are read, then ``writing``; embedding goes on beside both.
    """

    files: int = 0
    files_read: int = 0
    documents_read: int = 0
    documents: int = 0
    chunks: int = 0
    stage: str = "reading"

    @property
    def documents_expected(self) -> int | None:
        """Documents that there will be, judged by those read so far; None while a single file is being read."""
        if self.stage != "reading":
            return self.documents_read
        if self.files < 2 or not self.files_read:
            return None
        return max(self.documents_read, round(self.documents_read * self.files / self.files_read))


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, archive member or document that is not in, and why.

    Attributes
    ----------
    source
        Its name; a member of an archive adds ``#member``.
    reason
        One word to count by.
    detail
        A sentence for people.
    skipped
        True where nothing went wrong: it just is not something that can be read as text.
    """

    source: str
    reason: str
    detail: str
    skipped: bool = False


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
    other_scripts
        Share of letters that are not of the Latin alphabet, 0 to 1, where the default model, which reads English, had
        new chunks to embed; see `other_scripts`.
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
    other_scripts: float = 0.0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON; ``failed`` and ``skipped`` add up to the listed failures."""
        rows = [asdict(f) for f in self.failures]
        counts = {name: getattr(self, name) for name in self.__slots__ if name != "failures"}
        return {**counts, "failed": self.failed, "skipped": len(rows) - self.failed, "failures": rows}

    @property
    def failed(self) -> int:
        """Files that should have gone in and did not; the other failures were skipped, as nothing that can be read."""
        return sum(not f.skipped for f in self.failures)


def ingest(
    paths: Iterable[str | Path],
    into: str | Path,
    *,
    options: Options | None = None,
    meta: Mapping[str, Scalar] | None = None,
    prune: bool = False,
    wait: float = 0.0,
    base: str | Path = "",
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
    base
        Folder that relative paths start from; sources are named as ``paths`` are written, without it.
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
    names = [str(path) for path in paths]
    _check_paths(names, base)
    options = options or Options()
    report = IngestReport(into=str(into))
    kb, report.created = _open(Path(into), options, wait)
    with kb:
        reading = _Reading(kb, report, meta, on_progress)
        added = kb.add(
            reading.documents(discover(names, meta=reading.meta, base=base)),
            on_progress=lambda p: reading.stored(p.documents, max(p.chunks, p.embedded)),
            stamp=reading.stamp,
        )
        report.failures += [Failure(f.document, f.reason, f.detail) for f in added.failures]
        report.added, report.changed, report.unchanged = added.added, added.changed, added.unchanged
        report.removed, report.chunks, report.embedded = added.removed, added.chunks, added.embedded
        report.removed += sum(kb.remove(source) for source in reading.emptied)
        if prune:
            report.removed += kb.prune(_under(base, name) for name in names)
        if report.embedded:
            report.other_scripts = round(share_of_other_scripts(kb), 3)
    report.seconds = time.perf_counter() - start
    return report


def _under(base: str | Path, path: str) -> str:
    prefix = "beir:" if path.startswith("beir:") else ""
    return prefix + str(Path(base, path.removeprefix(prefix)))


def _check_paths(paths: list[str], base: str | Path) -> None:
    if not paths:
        raise InvalidInput("give at least one file or folder to ingest")
    for path in paths:
        if not Path(_under(base, path).removeprefix("beir:")).exists():
            raise InvalidInput(f"{path} does not exist")


def _open(into: Path, options: Options, wait: float) -> tuple[KnowledgeBase, bool]:
    if not KnowledgeBase.exists(into):
        given: dict[str, Any] = {f.name: getattr(options, f.name) for f in fields(options)}
        return KnowledgeBase.create(into, **{k: v for k, v in given.items() if v is not None}), True
    kb = KnowledgeBase.open(into, mode="w", embedder=options.embedder, wait=wait)
    try:
        _check_same(kb, options, into)
    except BaseException:
        kb.close()
        raise
    return kb, False


def _check_same(kb: KnowledgeBase, options: Options, into: Path) -> None:
    if options.indexes is not None and _specs(options.indexes) != _specs(kb.indexes):
        have, want = (" ".join(f"--index {spec}" for spec in specs) for specs in (kb.indexes, options.indexes))
        raise StoreMismatch(f"{into} has {have}, not {want}; change its indexes with: rag reindex {into} {want}")
    if options.chunker is not None and options.chunker != kb.chunker.name:
        raise StoreMismatch(
            f"{into} was made with --chunker {kb.chunker.name}, not {options.chunker}; "
            "leave the option out, or ingest into another folder"
        )
    if options.granularity not in (None, "auto", kb.granularity):
        raise StoreMismatch(
            f"{into} was made with --granularity {kb.granularity}, not {options.granularity}; "
            "leave the option out, or ingest into another folder"
        )


def _specs(specs: Iterable[str]) -> set[str]:
    """Return specs as they are canonically written; a wrong one raises."""
    return {str(indexes.parse(spec)) for spec in specs}


class _Reading:
    """The files of one ingest on their way into the knowledge base, counted as they pass."""

    def __init__(
        self,
        kb: KnowledgeBase,
        report: IngestReport,
        meta: Mapping[str, Scalar] | None,
        on_progress: ProgressCallback | None,
    ) -> None:
        self.report = report
        self.meta = dict(meta or {})
        self.stamp = json.dumps(self.meta, sort_keys=True) if self.meta else ""
        self.progress = Progress()
        self.on_progress = on_progress
        self.known = kb.sources()
        self.emptied: list[str] = []
        """Sources that had documents and hold no text any more; one that cannot be read keeps what it had."""

    def documents(self, files: Iterable[Found | LoadFailure]) -> Iterator[Document | LoadFailure]:
        """Yield what every changed file gives; failures too, so that the store knows which sources are incomplete."""
        changed = list(self._changed(files))
        self.progress.files = len(changed)
        self.tell()
        last = ""
        for loaded in load_files(changed, meta=self.meta):
            if isinstance(loaded, LoadFailure):
                self._failed(loaded)
            else:
                self.progress.documents_read += 1
                if loaded.source != last:
                    last = loaded.source
                    self.progress.files_read += 1
                    self.tell()
            yield loaded
        self.progress.files_read, self.progress.stage = self.progress.files, "writing"
        self.tell()

    def _changed(self, files: Iterable[Found | LoadFailure]) -> Iterator[Found]:
        for found in files:
            self.report.found += 1
            if isinstance(found, LoadFailure):
                self._failed(found)
            elif self._is_taken(self.known.get(found.source), found):
                detail = (
                    f"another file has this name here: {self.known[found.source].location}; give this one's full path"
                )
                self.report.failures.append(Failure(found.source, "taken", detail))
            elif not self._is_known(self.known.get(found.source), found):
                yield found
            else:
                self.report.unchanged_files += 1

    def _is_taken(self, before: SourceInfo | None, found: Found) -> bool:
        """Say whether the name belongs to another file that still exists: replacing that one would lose it silently."""
        elsewhere = before is not None and before.location not in {"", found.location}
        return elsewhere and before is not None and Path(before.location).exists()

    def _is_known(self, before: SourceInfo | None, found: Found) -> bool:
        if before is None or not before.complete or before.stamp != self.stamp:
            return False
        try:
            return before.sha256 == found.sha256
        except OSError:
            return False  # the loader will say what is wrong with it

    def _failed(self, failure: LoadFailure) -> None:
        if failure.reason_class == "empty" and failure.source in self.known:
            self.emptied.append(failure.source)
        self.report.failures.append(
            Failure(failure.source, failure.reason_class, failure.detail, skipped=failure.skipped)
        )

    def stored(self, documents: int, chunks: int) -> None:
        """Note what the knowledge base has acknowledged, and how many chunks are embedded."""
        self.progress.documents, self.progress.chunks = documents, chunks
        self.tell()

    def tell(self) -> None:
        """Report how far the ingest is."""
        if self.on_progress is not None:
            self.on_progress(self.progress)


MANY = 0.2
"""Share of letters outside the Latin alphabet above which a person is told."""

_SAMPLE = 200
_LAST_LATIN = "\u024f"  # of Latin Extended-B


def share_of_other_scripts(kb: KnowledgeBase) -> float:
    """Return the share of letters outside the Latin alphabet, 0 to 1, in a sample of the chunks; 0 for other models."""
    if kb.embedder.name != DEFAULT_MODEL:
        return 0.0
    ids = kb.chunk_ids()
    sample = np.random.default_rng(0).choice(ids, min(_SAMPLE, len(ids)), replace=False)
    letters = [c for chunk in kb.chunks(sample.tolist()) for c in chunk.text if c.isalpha()]
    return sum(c > _LAST_LATIN for c in letters) / max(len(letters), 1)
