"""Copy a knowledge base from one store to another, of whichever kind: nothing is embedded again."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace

import indexes
from indexes.bm25 import BM25Index
from indexes.errors import IndexError_

from ..errors import RagError, StoreMismatch
from . import automatic_index, contents
from .copied_terms import CopiedTerms
from .pipeline import OnProgress
from .protocol import Store
from .records import AddProgress, AddReport
from .servers import local_terms
from .writing import DocumentWriter, Part, SourceEnd, Step, source_name

_CHUNKS = 4096  # handed over at once
_PARTS_AHEAD = 6  # read while a commit's postings are written
_CHARACTERS = 32_000_000
_COMMIT = 150_000  # chunks of a segment of postings: a million make seven, which are not joined
_OWN = frozenset({automatic_index.SETTING, "purge due"})
"""Settings that tell of one store alone."""
_SAME = ("embedder", "revision", "dim", "metric", "chunker", "analyser", "granularity")


def copy(old: Store, new: Store, *, on_progress: OnProgress | None = None) -> AddReport:
    """Bring a store that is open for writing to what another one holds; what it has already costs little.

    Raises
    ------
    StoreMismatch
        They were not made with the same model, chunker or analyser.
    """
    _check(old, new)
    start = time.perf_counter()
    writing, writer = new.writing(), DocumentWriter("")
    with old.view(), _what_is_there_uncollected() as leave_out:

        def terms() -> CopiedTerms | None:
            found = _terms(old)
            leave_out()
            return found

        for _ in writing.apply_all(writer, _ahead(_batches(old)), terms, _COMMIT):
            if on_progress is not None:
                report = writer.report
                stored = report.added + report.changed + report.unchanged
                on_progress(AddProgress(stored, report.chunks, 0, time.perf_counter() - start))
        sources = old.sources()
        gone = [name for name in new.sources() if name not in sources]
        removed = new.remove(gone, purged=False, folders=False) if gone else 0
        writing.close_sources(sources)
        kept = {name: value for name, value in old.settings().items() if name not in _OWN}
    lost = [name for name in new.settings() if name not in kept and name not in _OWN]
    writing.keep_settings([*kept.items(), *((name, None) for name in lost)])
    new.grow()
    report = writer.report
    return replace(report, removed=report.removed + removed, seconds=time.perf_counter() - start)


def specs_for(old: Store, on_server: bool) -> list[str]:
    """Return the indexes of a new copy: those of the original, as the place has them."""
    made = []
    for spec in old.specs:
        if indexes.kind(spec) == "terms":
            made.append(spec if on_server else local_terms(spec))
        elif old.automatic is not None or (spec != automatic_index.FIRST and on_server is not (old.folder is None)):
            made.append(automatic_index.AUTO)
        else:
            made.append(spec)
    return list(dict.fromkeys(made))


def _check(old: Store, new: Store) -> None:
    for fact in _SAME:
        had, has = getattr(old.identity, fact), getattr(new.identity, fact)
        if had != has:
            raise StoreMismatch(
                f"{new.location} was made with {fact} {has!r}, {old.location} with {had!r}; copy it to another place"
            )


@contextmanager
def _what_is_there_uncollected() -> Iterator[Callable[[], None]]:
    """Lend a function that leaves all objects there are out of the search for garbage until the end of the block.

    A large index has so many that the searches take a tenth of the time of a copy.
    """
    if gc.get_freeze_count():  # the application has left out some of its own, which would come back too
        yield lambda: None
        return
    try:
        yield gc.freeze
    finally:
        gc.unfreeze()


def _terms(old: Store) -> CopiedTerms | None:
    """Return the terms of a folder's chunks; None if its index has others than its analyser gives, or is damaged."""
    spec = next((spec for spec in old.specs if indexes.kind(spec) == "terms"), "")
    if old.folder is None or not spec or contents.encoder_of(spec):
        return None
    try:
        index = old.index("terms", spec)
    except (RagError, IndexError_):
        return None
    return CopiedTerms(index) if isinstance(index, BM25Index) and index.counts_terms else None


def _ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield parts, which are read while those before are written."""
    with ThreadPoolExecutor(1) as reader:
        context = copy_context()

        def read() -> Part | None:
            return context.run(lambda: next(parts, None))

        coming = deque(reader.submit(read) for _ in range(_PARTS_AHEAD))
        try:
            while (part := coming.popleft().result()) is not None:
                coming.append(reader.submit(read))
                yield part
        finally:
            reader.shutdown(cancel_futures=True)


def _batches(old: Store) -> Iterator[Part]:
    """Group documents, and say where a source ends."""
    steps: list[Step] = []
    embedded: dict[bytes, tuple[bytes, bytes | None]] = {}
    size = characters = 0
    source = ""
    for block in old.exported():
        embedded.update(block.embedded)
        for step in block.steps:
            own = source_name(step.document)
            if source and own != source:
                steps.append(SourceEnd(source, whole=True))
            source = own
            steps.append(step)
            size += len(step.chunks or ())
            characters += len(step.document.text)
        if size >= _CHUNKS or characters >= _CHARACTERS:
            yield steps, embedded
            steps, embedded, size, characters = [], {}, 0, 0
    if source:
        steps.append(SourceEnd(source, whole=True))
        yield steps, embedded
