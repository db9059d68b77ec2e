"""Ingest: bring a knowledge base up to date with files and folders, as ``rag ingest`` does."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from rag.chunking.protocol import Chunker
from rag.documents.account import Account, total
from rag.documents.document import ACL, Document, Field, Metadata, Scalar, clean_text
from rag.embedding.protocol import Embedder
from rag.errors import InvalidInput
from rag.execution import Executor, executor as executor_of
from rag.knowledge_base import AddFailure, AddProgress, AddReport, KnowledgeBase, SourceInfo
from rag.loaders import READER, Found, LoadFailure, dataset_folders, discover, ir_collections, load_files
from rag.loaders.apart import load_apart
from rag.loaders.limits import ParseLimits
from rag.loaders.results import printable
from rag.retrieval.weight_selection import WeightEvidence, select_weights, stored_evidence
from rag.source_prefixes import FOLDER, NAMED, split_prefix
from rag.store.address import shown
from rag.store.hiding import HIDDEN
from rag.store.naming import SourceNames, vanished
from rag.store.settings import NOT_IN

from .language_choices import choices, given

ProgressCallback = Callable[["IngestProgress"], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How a new knowledge base is made. An existing one keeps its own options, and asking for others is an error.

    None means: the knowledge base's own, or the default of a new one. The embedder and the analyser of a new one follow
    the language of the first documents, see `language_choices`.
    """

    indexes: tuple[str, ...] | None = None
    chunker: str | Chunker | None = None
    embedder: str | Embedder | None = None
    granularity: str | None = None
    analyser: str | None = None


@dataclass(frozen=True, slots=True)
class IngestProgress(AddProgress):
    """Progress of an ingest: that of the knowledge base, and the files read so far.

    Attributes
    ----------
    files, files_read
        Changed files, and those of them that were read.
    documents_read
        Documents that were read; ``documents`` are safe on disk.
    stage
        ``reading`` until all files are read, then ``writing``; embedding goes on beside both.
    """

    files: int = 0
    files_read: int = 0
    documents_read: int = 0
    stage: str = "reading"

    @property
    def documents_expected(self) -> int | None:
        """Documents to come in all, estimated from those read so far; None while a single file is being read."""
        if self.stage != "reading":
            return self.documents_read
        if self.files < 2 or not self.files_read:
            return None
        return max(self.documents_read, round(self.documents_read * self.files / self.files_read))


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport(AddReport):
    """Result of an ingest: that of the knowledge base, and its files, each of them read, unchanged or failed.

    Attributes
    ----------
    into, created
        Folder of the knowledge base, and whether it is new.
    found
        Files found, those that could not be read included.
    moved
        Files that are known from another place, where they no longer are.
    account
        Words of the files that were read: held, left out by kind, unaccounted.
    remarks
        Source and sentence: what was not read of a file, or is doubtful.
    unchanged_files
        Files whose bytes are those of the last ingest: neither parsed nor embedded.
    notes
        What was chosen by the language of the first documents, in sentences.
    weights
        How far each search was found to be trusted here, measured now or before; None where it never was.
    """

    into: str
    created: bool
    found: int
    unchanged_files: int
    moved: int
    notes: tuple[str, ...]
    weights: WeightEvidence | None
    account: Account
    remarks: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON; ``failed`` and ``skipped`` add up to the listed failures."""
        rows = [
            {"source": f.document, "reason": f.reason, "detail": f.detail, "skipped": f.skipped} for f in self.failures
        ]
        told = {
            "failed": self.failed,
            "skipped": len(rows) - self.failed,
            "failures": rows,
            "account": {name: value for name, value in self.account.as_dict().items() if name != "remarks"},
            "remarks": [{"source": source, "remark": remark} for source, remark in self.remarks],
        }
        return {**asdict(self), **told}

    @property
    def failed(self) -> int:
        """Number of files that should have been taken and were not; the other failures hold nothing readable."""
        return sum(not f.skipped for f in self.failures)


def ingest(
    paths: Iterable[str | Path],
    into: str | Path,
    *,
    options: Options | None = None,
    meta: Mapping[str, Scalar] | None = None,
    acl: Sequence[str] = (),
    prune: bool = False,
    moves: bool = True,
    wait: float = 0.0,
    base: str | Path = "",
    on_progress: ProgressCallback | None = None,
    parse_seconds: float | None = None,
    parse_memory: int | None = None,
    executor: str | Executor = "here",
) -> IngestReport:
    """Bring a knowledge base up to date with files and folders.

    Parameters
    ----------
    paths
        Files, folders, ``beir:DIR``, ``datasets:DIR`` or ``ir_datasets:NAME``.
    into
        The knowledge base; made if it is not there.
    options
        Engine, chunker, embedder of a new knowledge base.
    meta
        Fields that every document gets.
    acl
        Groups that may read these documents where `rag serve` knows its readers by their keys; none: no group may.
    prune
        Remove documents whose files have vanished from the given folders.
    moves
        Take a new file with the bytes of one that has vanished for the same file in another place.
    wait
        Seconds to wait for another writer.
    base
        Folder that relative paths start from; sources are named as ``paths`` are written, without it.
    on_progress
        Called now and then with how far it is.
    parse_seconds, parse_memory
        What a parser may use for a file, as in `rag.load`.
    executor
        Where files are parsed, chunked and embedded: ``here``, ``processes:4``, ``ray:ADDRESS``, or an
        `rag.execution.Executor`, which stays open. The knowledge base is the same wherever it was.

    Raises
    ------
    InvalidInput
        If a path does not exist, or no path is given.
    StoreError
        If the knowledge base is damaged, locked, not writable, or made with other options.
    WorkerLost
        A batch took down one worker after the other. What was acknowledged before stays; run it again.
    """
    start = time.perf_counter()
    names = [str(path) for path in paths]
    _check_paths(names, base)
    fields_of_all = _with_acl(meta or {}, acl)
    ParseLimits(parse_seconds, parse_memory)  # refuses what is too small before anything is made
    options = options or Options()
    created = not KnowledgeBase.exists(into)
    chosen = given(options.embedder, options.analyser)
    if created:
        chosen = choices(chosen, names, base)
    options = replace(options, embedder=chosen.embedder, analyser=chosen.analyser)
    with contextlib.ExitStack() as stack:
        if isinstance(executor, str):
            executor = stack.enter_context(contextlib.closing(executor_of(executor)))
        kb = stack.enter_context(new_or_open(into, options, wait))
        load = partial(load_apart, executor=executor) if executor.apart else partial(load_files)
        load = partial(load, parse_seconds=parse_seconds, parse_memory=parse_memory)
        reading = _Reading(kb, fields_of_all, on_progress, load, moves=moves)
        added = kb.add(
            reading.documents(discover(names, meta=reading.meta, base=base)),
            on_progress=reading.stored,
            stamp=reading.stamp,
            executor=executor,
        )
        removed = added.removed + sum(kb.remove(source) for source in reading.emptied)
        removed += sum(kb.remove(source) for source in reading.superseded(kb.sources()))
        if prune:
            removed += kb.prune(_under(base, name) for name in names)
        _note_failures(kb, names, reading.failures)
        weights = select_weights(kb) if added.embedded else stored_evidence(kb)
    done = replace(
        added,
        removed=removed,
        seconds=time.perf_counter() - start,
        failures=(*reading.failures, *added.failures),
    )
    return IngestReport(
        **{f.name: getattr(done, f.name) for f in fields(done)},
        into=shown(into),
        created=created,
        found=reading.found,
        unchanged_files=reading.unchanged,
        moved=len(reading.moved),
        notes=chosen.notes,
        weights=weights,
        account=total(reading.accounts.values()),
        remarks=tuple((name, line) for name, account in reading.accounts.items() for line in account.lines),
    )


def _note_failures(kb: KnowledgeBase, names: list[str], failures: Iterable[AddFailure]) -> None:
    """Keep which files are not in, and why; what is known of other folders stays."""
    before: dict[str, str] = json.loads(kb.setting(NOT_IN) or "{}")
    places = [printable(os.path.normpath(name)) for name in names]
    within = tuple(place.rstrip("/") + "/" for place in places if place != ".")
    kept = {} if "." in places else {k: v for k, v in before.items() if k not in places and not k.startswith(within)}
    now = kept | {f.source: f"{f.reason}: {f.detail}" for f in failures if not f.skipped and "#" not in f.source}
    if now != before:
        kb.keep_setting(NOT_IN, json.dumps(now, ensure_ascii=False) if now else None)


def _with_acl(meta: Mapping[str, Scalar], acl: Sequence[str]) -> dict[str, Field]:
    if ACL in meta:
        raise InvalidInput(f"{ACL} is the field of the groups that may read a document: give --acl GROUP, or acl=[...]")
    if isinstance(acl, str) or not all(isinstance(group, str) and group.strip() for group in acl):
        raise InvalidInput(f"acl={acl!r}: give the names of groups, such as ['sales', 'board']")
    return {**meta, ACL: sorted({clean_text(group).strip() for group in acl})} if acl else dict(meta)


def _under(base: str | Path, path: str) -> str:
    prefix, place = split_prefix(path)
    return prefix + str(Path(base, place)) if place else path


def _check_paths(paths: list[str], base: str | Path) -> None:
    if not paths:
        raise InvalidInput("give at least one file or folder to ingest")
    for path in paths:
        place = split_prefix(_under(base, path))[1]
        if path.startswith(NAMED):
            ir_collections.check(path.removeprefix(NAMED))
        elif not Path(place).exists():
            raise InvalidInput(f"{path} does not exist")
        elif path.startswith(FOLDER):
            dataset_folders.corpus(place)


def new_or_open(into: str | Path, options: Options, wait: float = 0.0) -> KnowledgeBase:
    """Open a knowledge base for writing, after making it where there is none.

    Raises
    ------
    StoreMismatch
        It was made with other options.
    """
    return KnowledgeBase.open_or_create(into, wait=wait, **{f.name: getattr(options, f.name) for f in fields(options)})


class _Reading:
    """The files of one ingest on their way into the knowledge base, counted as they pass."""

    def __init__(
        self,
        kb: KnowledgeBase,
        meta: Metadata,
        on_progress: ProgressCallback | None,
        load: Callable[..., Iterator[Document | LoadFailure]],
        *,
        moves: bool,
    ) -> None:
        self.load = load
        self.meta = dict(meta)
        self.stamp = json.dumps({"reader": READER, "meta": self.meta}, sort_keys=True)
        self.progress = IngestProgress()
        self.on_progress = on_progress
        self.kb, self.known, self.hidden = kb, kb.sources(), frozenset(kb.status().hidden)
        self.names = SourceNames(self.known)
        self.vanished = vanished(self.known) if moves else {}
        self.moved: dict[str, str] = {}
        """The old name of each moved file, by its new one."""
        self.again: list[str] = []
        """Names that earlier versions gave to other spellings of a file's path."""
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        self.found = self.unchanged = 0
        self.failures: list[AddFailure] = []
        self.emptied: list[str] = []
        """Sources that had documents and hold no text any more; one that cannot be read keeps what it had."""

    def documents(self, files: Iterable[Found | LoadFailure]) -> Iterator[Document | LoadFailure]:
        """Yield the contents of every changed file; failures too, so that the store knows incomplete sources."""
        changed = list(self._changed(files))
        self._tell(files=len(changed))
        last = ""
        for loaded in self.load(changed, meta=self.meta):
            if isinstance(loaded, LoadFailure):
                self._failed(loaded)
                yield loaded
                continue
            self.accounts[loaded.source] += loaded.account
            if loaded.source != last:
                last = loaded.source
                self._tell(documents_read=self.progress.documents_read + 1, files_read=self.progress.files_read + 1)
            else:
                self.progress = replace(self.progress, documents_read=self.progress.documents_read + 1)
            yield loaded
        self._tell(files_read=self.progress.files, stage="writing")

    def _changed(self, files: Iterable[Found | LoadFailure]) -> Iterator[Found]:
        for found in files:
            self.found += 1
            if isinstance(found, LoadFailure):
                self._failed(found)
                continue
            found = replace(found, source=self.names.name(found.source, found.location))  # noqa: PLW2901
            self.again += self.names.others(found.source, found.location)
            before = self.known.get(found.source)
            if before is None:
                self._moved(found)
            if before is not None and _is_of_another(before, found):
                detail = f"another file has this name here: {before.location}; give this one's full path"
                self.failures.append(AddFailure(found.source, found.source, "taken", detail))
            elif before is not None and self._is_known(before, found):
                self.unchanged += 1
            else:
                yield found

    def _moved(self, found: Found) -> None:
        """Notice a file that was known in another place, where it no longer is."""
        with contextlib.suppress(OSError):  # the loader will say what is wrong with it
            if self.vanished and (old := self.vanished.get(found.sha256)):
                self.moved[found.source] = old
                if old in self.hidden:  # before it is stored, so that no search finds it under its new name
                    self.kb.keep_setting(HIDDEN + found.source, "1")

    def superseded(self, stored: Mapping[str, SourceInfo]) -> list[str]:
        """Return the sources whose files are stored under another name by now."""
        self.moved = {new: old for new, old in self.moved.items() if new in stored and stored[new].complete}
        return [*self.moved.values(), *(name for name in self.again if name in stored)]

    def _is_known(self, before: SourceInfo, found: Found) -> bool:
        if not before.complete or before.stamp != self.stamp:
            return False
        try:
            return before.sha256 == found.sha256
        except OSError:
            return False  # the loader will say what is wrong with it

    def _failed(self, failure: LoadFailure) -> None:
        if failure.reason_class == "empty" and failure.source in self.known:
            self.emptied.append(failure.source)
        self.failures.append(
            AddFailure(failure.source, failure.source, failure.reason_class, failure.detail, failure.skipped)
        )

    def stored(self, done: AddProgress) -> None:
        """Note what the knowledge base has acknowledged; chunks that are embedded already count."""
        self._tell(
            documents=done.documents,
            chunks=max(done.chunks, done.embedded),
            embedded=done.embedded,
            seconds=done.seconds,
        )

    def _tell(self, **changes: Any) -> None:  # noqa: ANN401 - fields of `IngestProgress`
        self.progress = replace(self.progress, **changes)
        if self.on_progress is not None:
            self.on_progress(self.progress)


def _is_of_another(before: SourceInfo, found: Found) -> bool:
    """Say whether the name belongs to another file that still exists: replacing that one would lose it silently."""
    return before.location not in {"", found.location} and Path(before.location).exists()
