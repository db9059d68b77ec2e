"""Add documents: chunk, embed and write side by side, in bounded memory, with acknowledged commits.

While one super-batch is being embedded, the next one is chunked and the one before is written. Never more than three
batches are held, so memory does not grow with the corpus.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..documents import Chunk, Document, context_text
from ..embedding import checked
from ..embedding.protocol import Embedder, PartEmbedder
from ..errors import EmbedderError, InvalidInput
from ..sentences import Span
from . import blobs, granularity
from .identity import Identity
from .naming import SourceNames, renamed
from .reading import sources
from .records import AddProgress, AddReport
from .session import Session
from .settings import LOST, keep_setting, setting
from .storable import storable
from .writing import ChunkSentence, DocumentWriter, Prepared, SourceEnd, Step

if TYPE_CHECKING:
    from ..chunking import Chunker

BATCH_TEXTS = 1024  # long enough to sort by length, short enough to be acknowledged every few seconds
FIRST_BATCH_TEXTS = 128  # the embedder starts early
BATCH_CHARACTERS = 8_000_000
BATCH_DOCUMENTS = 4096
_AHEAD = 2
_HOW = "give an iterable of documents: load('docs/'), or [Document.from_text(text, id='a')]"
_TELL_S = 0.1

_Embedded = dict[bytes, bytes]  # key -> blob
OnProgress = Callable[[AddProgress], None]
OnCommit = Callable[[list[str]], None]


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """A text to embed, the key of its embedding, and the spans in it that are embedded in its context, with theirs."""

    text: str
    key: bytes
    parts: tuple[tuple[Span, bytes], ...] = ()


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
    session
        Open for writing.
    embedder, chunker
        Those of the knowledge base, already checked against its identity; called for on first use.
    stamp
        The loader's mark, kept with every source.
    on_progress, on_commit
        Called in the caller's thread; ``on_commit`` with the ids of the documents that have just become durable.
    """

    def __init__(
        self,
        session: Session,
        embedder: Callable[[], Embedder],
        chunker: Callable[[], Chunker],
        *,
        stamp: str = "",
        on_progress: OnProgress | None = None,
        on_commit: OnCommit | None = None,
    ) -> None:
        self._session = session
        self._embedder = embedder
        self._chunker = chunker
        self._writer = DocumentWriter(stamp)
        self._on_progress = on_progress
        self._on_commit = on_commit
        self._names = SourceNames({})
        self._spellings: dict[str, set[str]] = {}
        self._in_flight: set[bytes] = set()
        self._written = 0
        self._embedded = 0  # those of batches that are not written yet included
        self._start = time.perf_counter()
        self._told = 0.0

    def run(self, documents: Iterable[object], *, finish: Callable[[], object] = lambda: None) -> AddReport:
        """Add everything, then ``finish``; another object with a ``source`` is a failure of a loader."""
        if isinstance(documents, Document | str | bytes | Mapping) or not isinstance(documents, Iterable):
            raise InvalidInput(f"documents is a {type(documents).__name__}; {_HOW}")
        with self._session.reading() as db:
            self._names = SourceNames(sources(db))
        waiting: deque[tuple[_Batch, Future[_Embedded]]] = deque()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        try:
            for batch in self._batches(documents):
                waiting.append((batch, pool.submit(self._embed, batch.jobs)))
                while len(waiting) > _AHEAD or (waiting and waiting[0][1].done()):
                    self._commit(*waiting.popleft())
            while waiting:
                self._commit(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        finish()
        self._forget_loss()
        self._tell(force=True)
        seconds = time.perf_counter() - self._start
        return replace(self._writer.report, seconds=seconds, failures=tuple(self._writer.failures))

    def _forget_loss(self) -> None:
        """Stop saying that documents may be lost: they were ingested again."""
        with self._session.reading() as db:
            lost = setting(db, LOST)
        if lost is not None:
            with self._session.writing() as db:
                keep_setting(db, LOST, None)

    # ---- chunking ---------------------------------------------------------------------------------------------

    def _batches(self, documents: Iterable[object]) -> Iterator[_Batch]:
        """Group the steps of the stream; every batch holds whole documents."""
        limit = FIRST_BATCH_TEXTS
        batch = _Batch()
        for step in self._steps(documents):
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

    def _steps(self, documents: Iterable[object]) -> Iterator[Step]:
        """Prepare documents; after the last one of a source say that it ended, and which of its members failed."""
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
            yield self._prepare(document, digest)
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

    def _prepare(self, document: Document, digest: str) -> Prepared:
        with self._session.reading() as db:
            if db.execute("select digest from documents where name = ?", (document.id,)).get == digest:
                return Prepared(document, digest)
        identity = self._session.identity
        chunks = self._chunker().chunk(document)
        texts = [context_text(document.title, c.heading, c.text) for c in chunks]
        keys = [identity.key(text) for text in texts]
        named = list(zip(chunks, texts, strict=True))
        parts = [list(_parts(chunk, text, identity)) if identity.has_sentences else [] for chunk, text in named]
        return Prepared(document, digest, chunks, keys, parts)

    def _add_texts(self, batch: _Batch, step: Prepared) -> None:
        """Note which of a document's texts have to be embedded."""
        new = [key for key in dict.fromkeys(step.every_key()) if key not in self._in_flight]
        with self._session.reading() as db:
            known = {row[0] for row in db.executemany("select key from embeddings where key = ?", ((k,) for k in new))}
        fresh = set(new) - known
        self._in_flight |= fresh
        for key, chunk, parts in zip(step.keys, step.chunks or (), step.sentences, strict=True):
            missing = list({part.key: part for part in parts if part.key in fresh and part.key != key}.values())
            text = context_text(step.document.title, chunk.heading, chunk.text)
            above = len(text) - len(chunk.text)
            places = [(above + part.start - chunk.start, above + part.end - chunk.start) for part in missing]
            if self._session.identity.granularity == "chunk+late":
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

    def _embed(self, jobs: Sequence[EmbedJob]) -> _Embedded:
        """Embed a batch in portions, since one long document may fill it and progress should be visible."""
        found: _Embedded = {}
        for start in range(0, len(jobs), BATCH_TEXTS):
            portion = jobs[start : start + BATCH_TEXTS]
            found |= self._embed_portion(portion)
            self._embedded += len(portion)
        return found

    def _embed_portion(self, jobs: Sequence[EmbedJob]) -> _Embedded:
        embedder = self._embedder()
        first = self._embedded
        texts = [job.text for job in jobs]
        try:
            if self._session.identity.granularity == "chunk+late":
                vectors, parts = _with_parts(embedder, jobs)
            else:
                vectors, parts = embedder.embed_passages(texts), {}
        except EmbedderError:
            raise
        except Exception as error:
            span = f"the batch of {len(texts)} texts after the first {first}"
            raise EmbedderError(
                f"embedder {embedder.name!r} failed on {span}: {type(error).__name__}: {error}"
            ) from error
        whole = checked(vectors, texts, name=embedder.name, dim=self._session.identity.dim, first=first)
        return dict(zip((job.key for job in jobs), map(blobs.whole, whole), strict=True)) | parts

    # ---- writing ----------------------------------------------------------------------------------------------

    def _commit(self, batch: _Batch, vectors: Future[_Embedded]) -> None:
        while not vectors.done():
            wait([vectors], _TELL_S)
            self._tell()
        embedded = vectors.result()
        with self._session.writing() as db:
            stored = self._writer.apply(db, batch.steps, embedded)
        self._in_flight -= embedded.keys()
        self._writer.count(embedded=len(batch.jobs))
        self._written += len(stored)
        if self._on_commit is not None:
            self._on_commit(stored)
        self._tell(force=True)

    def _tell(self, *, force: bool = False) -> None:
        now = time.perf_counter()
        if self._on_progress is not None and (force or now - self._told > _TELL_S):
            self._told = now
            chunks = self._writer.report.chunks
            self._on_progress(AddProgress(self._written, chunks, self._embedded, now - self._start))


def _parts(chunk: Chunk, text: str, identity: Identity) -> Iterator[ChunkSentence]:
    """Yield the sentences of a chunk; ``text`` is the chunk as it is embedded."""
    above = text[: len(text) - len(chunk.text)]
    for start, end in granularity.spans(chunk.text):
        key = identity.key(granularity.part_text(identity.granularity, above, chunk.text, (start, end)))
        yield ChunkSentence(chunk.start + start, chunk.start + end, key)


def _with_parts(embedder: Embedder, jobs: Sequence[EmbedJob]) -> tuple[NDArray[np.float32], _Embedded]:
    if not isinstance(embedder, PartEmbedder):
        raise EmbedderError(f"embedder {embedder.name!r} gives no token states, which granularity chunk+late needs")
    vectors, parts = embedder.embed_parts([j.text for j in jobs], [[span for span, _ in j.parts] for j in jobs])
    keys = [[key for _, key in job.parts] for job in jobs]
    return vectors, {
        key: blobs.half(row) for of, rows in zip(keys, parts, strict=True) for key, row in zip(of, rows, strict=True)
    }
