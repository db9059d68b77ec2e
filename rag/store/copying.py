"""Copy a knowledge base from one store to another, of whichever kind: nothing is embedded again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import indexes

from ..errors import StoreMismatch
from . import automatic_index
from .pipeline import OnProgress
from .protocol import Store
from .records import AddProgress, AddReport
from .writing import DocumentWriter, Embedded, SourceEnd, Step, source_name

_CHUNKS = 8192  # a commit
_CHARACTERS = 32_000_000
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
    with old.view():
        for steps, embedded in _batches(old):
            writing.apply(writer, steps, embedded)
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
            made.append(spec)
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


def _batches(old: Store) -> Iterator[tuple[list[Step], Embedded]]:
    """Group documents into commits, and say where a source ends."""
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
