"""Add documents: chunk, embed and write side by side, in bounded memory, with acknowledged commits.

While one super-batch is being embedded, the next one is chunked and the one before is written. Never more than three
batches are held, so memory does not grow with the corpus.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..documents.document import Document, context_text
from ..embedding.protocol import Embedder
from ..errors import InvalidInput
from ..execution import Executor, ThisProcess
from ..execution.protocol import in_order
from . import granularity
from .naming import SourceNames, renamed
from .protocol import Writing
from .records import AddProgress, AddReport
from .settings import LOST
from .stages import Blobs, EmbedJob, chunk_batch, chunked, embed_batch, embedded
from .storable import storable
from .writing import DocumentWriter, Prepared, SourceEnd, Step

if TYPE_CHECKING:
    from ..chunking import Chunker

BATCH_TEXTS = 1024  # long enough to sort by length, short enough to be acknowledged every few seconds
FIRST_BATCH_TEXTS = 128  # the embedder starts early
BATCH_CHARACTERS = 8_000_000
BATCH_DOCUMENTS = 4096
_APART_TEXTS = 256  # what a worker that dies has embedded in vain, at most
_APART_DOCUMENTS, _APART_CHARACTERS = 64, 1_000_000
_AHEAD = 2
_HOW = "give an iterable of documents: load('docs/'), or [Document.from_text(text, id='a')]"
_TELL_S = 0.1

_Named = tuple[Document, str]
"""A document under its name, and its digest."""
OnProgress = Callable[[AddProgress], None]
OnCommit = Callable[[list[str]], None]


@dataclass(slots=True)
class _Batch:
    """Whole documents, and the texts among theirs that have no embedding yet."""

    steps: list[Step] = field(default_factory=list)
    jobs: list[EmbedJob] = field(default_factory=list)
    characters: int = 0

    def is_full(self, texts: int) -> bool:
        return len(self.jobs) >= texts or self.characters >= BATCH_CHARACTERS or len(self.steps) >= BATCH_DOCUMENTS


class Pipeline:
    """One ``add``: takes a stream of documents to durable commits.

    Parameters
    ----------
    store
        What writes.
    embedder, chunker
        Those of the knowledge base, already checked against its identity; called for on first use.
    stamp
        The loader's mark, kept with every source.
    on_progress, on_commit
        Called in the caller's thread; ``on_commit`` with the ids of the documents that have just become durable.
    executor
        Where documents are chunked and embedded; None: in this process. One whose workers are other processes makes
        the embedder and the chunker there by what the knowledge base keeps of them.
    """

    def __init__(
        self,
        store: Writing,
        embedder: Callable[[], Embedder],
        chunker: Callable[[], Chunker],
        *,
        stamp: str = "",
        on_progress: OnProgress | None = None,
        on_commit: OnCommit | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._identity = store.identity
        self._embedder = embedder
        self._chunker = chunker
        self._writer = DocumentWriter(stamp)
        self._on_progress = on_progress
        self._on_commit = on_commit
        self._names = SourceNames({})
        self._spellings: dict[str, set[str]] = {}
        self._in_flight: set[bytes] = set()
        self._written = 0
        self._given = executor
        self._executor: Executor = executor or ThisProcess()
        self._submitted = 0  # texts to embed
        self._counting = threading.Lock()
        self._embedded = 0  # those of batches that are not written yet included
        self._start = time.perf_counter()
        self._told = 0.0

    def run(self, documents: Iterable[object], *, finish: Callable[[], object] = lambda: None) -> AddReport:
        """Add everything, then ``finish``; another object with a ``source`` is a failure of a loader."""
        if isinstance(documents, Document | str | bytes | Mapping) or not isinstance(documents, Iterable):
            raise InvalidInput(f"documents is a {type(documents).__name__}; {_HOW}")
        self._names = SourceNames(self._store.sources())
        waiting: deque[tuple[_Batch, list[Future[Blobs]]]] = deque()
        ahead = max(_AHEAD, self._executor.workers)
        try:
            for batch in self._batches(documents):
                waiting.append((batch, self._embedding(batch.jobs)))
                while len(waiting) > ahead or (waiting and all(future.done() for future in waiting[0][1])):
                    self._commit(*waiting.popleft())
            while waiting:
                self._commit(*waiting.popleft())
        finally:
            if self._given is None:
                self._executor.close()
            for _, futures in waiting:
                for future in futures:
                    future.cancel()
        finish()
        self._forget_loss()
        self._tell(force=True)
        seconds = time.perf_counter() - self._start
        return replace(self._writer.report, seconds=seconds, failures=tuple(self._writer.failures))

    def _forget_loss(self) -> None:
        """Stop saying that documents may be lost: they were ingested again."""
        if self._store.setting(LOST) is not None:
            self._store.keep_settings([(LOST, None)])

    # ---- chunking ---------------------------------------------------------------------------------------------

    def _batches(self, documents: Iterable[object]) -> Iterator[_Batch]:
        """Group the steps of the stream; every batch holds whole documents."""
        limit = FIRST_BATCH_TEXTS
        batch = _Batch()
        for step in self._prepared(self._steps(documents)):
            batch.steps.append(step)
            if isinstance(step, Prepared) and step.chunks is not None:
                batch.characters += len(step.document.text)
                self._add_texts(batch, step)
            if batch.is_full(limit):
                yield batch
                batch, limit = _Batch(), min(2 * limit, BATCH_TEXTS)
            self._tell()
        if batch.steps:
            yield batch

    def _steps(self, documents: Iterable[object]) -> Iterator[_Named | SourceEnd]:
        """Name documents; after the last one of a source say that it ended, and which of its members failed."""
        source = ""
        failed: dict[str, dict[str, bool]] = {}
        for number, item in enumerate(documents):
            if not isinstance(item, Document):
                name = getattr(item, "source", None)
                if not isinstance(name, str):
                    raise InvalidInput(f"documents[{number}] is a {type(item).__name__}; {_HOW}")
                told = f"not in: {getattr(item, 'detail', '') or 'it could not be read'}"
                name, _, member = name.partition("#")
                line = f"{member} is {told}" if member else told
                failed.setdefault(name, {})[line] = not getattr(item, "skipped", False)
                continue
            document, digest = storable(self._named(item))
            if document.source != source:
                if source:
                    yield self._end(source, failed)
                source = document.source
            yield document, digest
        if source:
            yield self._end(source, failed)

    def _end(self, source: str, failed: Mapping[str, Mapping[str, bool]]) -> SourceEnd:
        """Close a source. Its failures may have come before its first document, or between any two."""
        own: dict[str, bool] = {}
        for name in (source, *self._spellings.get(source, ())):
            own |= failed.get(name.partition("#")[0], {})
        return SourceEnd(source, not any(own.values()), tuple(own))

    def _named(self, document: Document) -> Document:
        """Give a document the name under which its file is known."""
        if not (isinstance(document.location, str) and document.location):
            return document
        name = self._names.name(document.source, document.location)
        if name == document.source:
            return document
        self._spellings.setdefault(name, set()).add(document.source)
        return replace(document, source=name, id=renamed(document.id, document.source, name))

    def _prepared(self, steps: Iterable[_Named | SourceEnd]) -> Iterator[Step]:
        """Chunk documents that are not stored as they are."""
        if self._executor.apart and not _asks_a_model(self._identity.chunker):
            yield from self._prepared_apart(steps)
            return
        for step in steps:
            yield (
                step
                if isinstance(step, SourceEnd)
                else self._known(*step) or chunked(*step, self._chunker(), self._identity)
            )

    def _known(self, document: Document, digest: str) -> Prepared | None:
        return Prepared(document, digest) if self._store.digest(document.id) == digest else None

    def _prepared_apart(self, steps: Iterable[_Named | SourceEnd]) -> Iterator[Step]:
        """Chunk documents in the workers, by batches; the order stays."""
        held: deque[list[Step | _Named]] = deque()

        def submitted() -> Iterator[Future[list[Prepared]]]:
            looked_up = (step if isinstance(step, SourceEnd) else self._known(*step) or step for step in steps)
            for batch in _portions(looked_up):
                held.append(batch)
                new = [step for step in batch if isinstance(step, tuple)]
                yield self._executor.submit(chunk_batch, self._identity, new)

        for prepared in in_order(submitted(), 2 * self._executor.workers, self._wait):
            new = iter(prepared)
            for step in held.popleft():
                yield next(new) if isinstance(step, tuple) else step

    def _add_texts(self, batch: _Batch, step: Prepared) -> None:
        """Note which of a document's texts have to be embedded."""
        new = [key for key in dict.fromkeys(step.every_key()) if key not in self._in_flight]
        fresh = set(new) - self._store.known(new)
        self._in_flight |= fresh
        for key, chunk, parts in zip(step.keys, step.chunks or (), step.sentences, strict=True):
            missing = list({part.key: part for part in parts if part.key in fresh and part.key != key}.values())
            text = context_text(step.document.title, chunk.heading, chunk.text)
            above = len(text) - len(chunk.text)
            places = [(above + part.start - chunk.start, above + part.end - chunk.start) for part in missing]
            if granularity.is_late(self._identity.granularity):
                if key in fresh or missing:
                    batch.jobs.append(
                        EmbedJob(text, key, tuple(zip(places, (part.key for part in missing), strict=True)))
                    )
            else:
                if key in fresh:
                    batch.jobs.append(EmbedJob(text, key))
                batch.jobs += [
                    EmbedJob(text[:above] + text[start:end], part.key)
                    for part, (start, end) in zip(missing, places, strict=True)
                ]
            fresh -= {key, *(part.key for part in missing)}  # a text that occurs twice is embedded once

    # ---- embedding --------------------------------------------------------------------------------------------

    def _embedding(self, jobs: Sequence[EmbedJob]) -> list[Future[Blobs]]:
        """Have a batch embedded in portions, since one long document may fill it and progress should be visible."""
        size = _APART_TEXTS if self._executor.apart else BATCH_TEXTS
        return [self._embed(jobs[start : start + size]) for start in range(0, len(jobs), size)]

    def _embed(self, jobs: Sequence[EmbedJob]) -> Future[Blobs]:
        first = self._submitted
        self._submitted += len(jobs)
        if self._executor.apart:
            future = self._executor.submit(embed_batch, self._identity, jobs, first)
        else:
            future = self._executor.submit(lambda: embedded(jobs, self._embedder(), self._identity, first))
        future.add_done_callback(lambda done: self._count(0 if done.cancelled() or done.exception() else len(jobs)))
        return future

    def _count(self, texts: int) -> None:
        with self._counting:
            self._embedded += texts

    # ---- writing ----------------------------------------------------------------------------------------------

    def _commit(self, batch: _Batch, vectors: Sequence[Future[Blobs]]) -> None:
        found: Blobs = {}
        for future in vectors:
            self._wait(future)
            found |= future.result()
        stored = self._store.apply(self._writer, batch.steps, found)
        self._in_flight -= found.keys()
        self._writer.count(embedded=len(batch.jobs))
        self._written += len(stored)
        if self._on_commit is not None:
            self._on_commit(stored)
        self._tell(force=True)

    def _wait(self, future: Future[Any]) -> None:
        while not future.done():
            wait([future], _TELL_S)
            self._tell()

    def _tell(self, *, force: bool = False) -> None:
        now = time.perf_counter()
        if self._on_progress is not None and (force or now - self._told > _TELL_S):
            self._told = now
            chunks = self._writer.report.chunks
            self._on_progress(AddProgress(self._written, chunks, self._embedded, now - self._start))


def _asks_a_model(chunker: str) -> bool:
    """Say whether a chunker asks a language model, whose calls are counted and kept by this process."""
    from ..chunking.registry import CONTEXTUAL

    return chunker.partition(":")[0] in CONTEXTUAL


def _portions(steps: Iterable[Step | _Named]) -> Iterator[list[Step | _Named]]:
    """Group steps for workers."""
    batch: list[Step | _Named] = []
    size = 0
    for step in steps:
        batch.append(step)
        size += len(step[0].text) if isinstance(step, tuple) else 0
        if len(batch) >= _APART_DOCUMENTS or size >= _APART_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
