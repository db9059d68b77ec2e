"""Load files: simple formats in this process, all others in worker processes."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ..documents.account import Account
from ..documents.boxes import boxes_of
from ..documents.document import Document, Metadata, clean_text, metadata_fields
from ..documents.sections import sections_of
from ..errors import ExtraMissing
from . import beir, dataset_folders, ir_collections
from .discovery import discover
from .errors import LoadError
from .formats import ParseContext, base_name, format_of, parse, true_kind
from .frames import Message
from .limits import ParseLimits
from .pool import ParseJob, Pool
from .reading import read_file, reason_of
from .results import Failed, Found, LoadFailure, Parsed, clean_fields

_WINDOW = 64
INLINE_LIMIT = 1 << 20

_log = logging.getLogger(__name__)


def load(
    *paths: str | Path,
    failures: list[LoadFailure] | None = None,
    meta: Metadata | Callable[[str], Mapping[str, object]] | None = None,
    parse_seconds: float | None = None,
    parse_memory: int | None = None,
) -> Iterator[Document]:
    """Load documents from files and folders.

    Parameters
    ----------
    paths
        Files, folders, ``beir:DIR``, ``datasets:DIR`` or ``ir_datasets:NAME``; see `discover`.
    failures
        List that takes what could not be loaded; without it each failure is logged as a warning.
    meta
        Metadata for every document, or a function from a file's source to its metadata; wins over what the files say.
    parse_seconds, parse_memory
        Processor time and megabytes of memory for a file; see `rag.loaders.limits.ParseLimits` for the defaults.

    Yields
    ------
    Document
        In order of the paths; the documents of one source follow one another.

    Examples
    --------
    >>> load("handbook/", meta=lambda source: {"team": Path(source).parts[1]})    # doctest: +SKIP
    """
    own = meta if callable(meta) else None
    found = discover(paths, meta={} if own else metadata_fields(meta or {}))  # type: ignore[arg-type] # no function
    for item in load_files(found, parse_seconds=parse_seconds, parse_memory=parse_memory):
        if isinstance(item, Document):
            yield (
                item if own is None else replace(item, metadata={**item.metadata, **metadata_fields(own(item.source))})
            )
        elif failures is None:
            _log.warning("not loaded: %s", item)
        else:
            failures.append(item)


def load_files(
    found: Iterable[Found | LoadFailure],
    *,
    workers: int | None = None,
    parse_seconds: float | None = None,
    parse_memory: int | None = None,
    meta: Metadata | None = None,
    command: Sequence[str] | None = None,
    pool: Pool | None = None,
) -> Iterator[Document | LoadFailure]:
    """Parse files, in order, each as a whole: its documents, or one failure; members of containers may fail alone.

    Plain text, Markdown, reStructuredText and source code are read in this process, for their parsers only go over the
    text a fixed number of times; every other format is parsed by child processes that can be killed. At most some 64
    files and 128 MB of text are on their way at a time, however many come.

    Parameters
    ----------
    found
        What `discover` yields; its failures are passed on.
    workers
        Child processes; by default as many as processors, up to 2. They start when the first file needs them.
    parse_seconds, parse_memory
        As in `load`; for a file, or for each member of a container.
    meta
        Metadata for every document; wins over the files' and over `Found.meta`.
    command
        How to start a worker; for tests.
    pool
        Child processes that go on afterwards, in place of new ones with ``workers`` and limits of their own.
    """
    own = pool is None
    limits = ParseLimits(parse_seconds, parse_memory)
    pool = pool or Pool(workers=workers or min(2, os.cpu_count() or 1), limits=limits, command=command)
    window: deque[Found | LoadFailure | ParseJob] = deque()
    try:
        for item in found:
            window.append(pool.submit(item) if isinstance(item, Found) and not is_inline(item) else item)
            while window and (len(window) > _WINDOW or not isinstance(window[0], ParseJob) or window[0].finished):
                yield from _head(window, pool, meta or {})
        while window:
            yield from _head(window, pool, meta or {})
    finally:
        if own:
            pool.close()


def is_inline(found: Found) -> bool:
    """Say whether a file is read in this process, unless it turns out not to be as simple as its name promised."""
    if found.type in _STREAMS:
        return True
    return format_of(found.type).inline and found.size <= INLINE_LIMIT


def _head(
    window: deque[Found | LoadFailure | ParseJob], pool: Pool, meta: Metadata
) -> Iterator[Document | LoadFailure]:
    """Finish the oldest item and yield its results."""
    item = window.popleft()
    if isinstance(item, LoadFailure):
        yield item
    elif isinstance(item, ParseJob):
        pool.wait(item)
        yield from _results(item, meta)
    elif (results := read_inline(item, meta)) is not None:
        yield from results
    else:
        job = pool.submit(item, first=True)
        pool.wait(job)
        yield from _results(job, meta)


def read_inline(found: Found, meta: Metadata) -> Iterable[Document | LoadFailure] | None:
    """Read a file in this process; None if it is not as simple as its name promised."""
    if found.type in _STREAMS:
        return _corpus(found, meta)
    result = _read_here(found, meta)
    return None if result is None else [result]


def _corpus(found: Found, meta: Metadata) -> Iterator[Document | LoadFailure]:
    try:
        yield from _STREAMS[found.type](found, meta)
    except (OSError, LoadError, ExtraMissing) as error:
        yield _failure(found, error)


_STREAMS = {"beir": beir.read, "dataset": dataset_folders.read, "ir_datasets": ir_collections.read}
"""Corpora that are read row by row, and not parsed as one file."""


def _read_here(found: Found, meta: Metadata) -> Document | LoadFailure | None:
    """Read a simple file in this process; None if it is not as simple as its name promised."""
    try:
        data = read_file(found.path, INLINE_LIMIT)
        if not data.strip():
            raise LoadError("empty", "an empty file")  # noqa: TRY301
        if true_kind(data, found.type) != found.type:
            return None
        (parsed,) = cast(
            "Iterator[Parsed]", parse(data, ParseContext(base_name(found.source), found.type, inline=True))
        )
        return _document(found, parsed, hashlib.sha256(data).hexdigest(), meta)
    except Exception as error:  # noqa: BLE001 - whatever a parser raises is this file's failure and no other's
        return None if reason_of(error).reason == "encoding" else _failure(found, error)


def _failure(found: Found, error: Exception) -> LoadFailure:
    cause = reason_of(error)
    return LoadFailure(found.source, cause.reason, cause.detail, found.type)


def _results(job: ParseJob, meta: Metadata) -> Iterator[Document | LoadFailure]:
    """Turn a job's messages into documents and failures; a member that gave no text is listed as empty."""
    found = job.found
    if job.error is not None:
        yield LoadFailure(found.source, job.error.reason, job.error.detail, job.loader or found.type)
        return
    sha256 = ""
    seen: set[str] = set()
    for message in job.messages:
        if message["kind"] == "sha256":
            sha256 = str(message["sha256"])
        elif message["kind"] == "failure":
            yield _member_failure(found, Failed(**_pick(message, "member", "reason_class", "detail", "loader")))
        else:
            yield _distinct(_document(found, _parsed(message), sha256, meta), seen)
    for lost in job.lost:
        yield _member_failure(found, lost)


def _distinct(item: Document | LoadFailure, seen: set[str]) -> Document | LoadFailure:
    """Add a number to an id that came before in its source: members' names may differ in broken characters only."""
    if isinstance(item, LoadFailure):
        return item
    name, count = item.id, 1
    while name in seen:
        count += 1
        name = f"{item.id} ({count})"
    seen.add(name)
    return item if count == 1 else replace(item, id=name)


def _member_failure(found: Found, failed: Failed) -> LoadFailure:
    name = clean_text(f"{found.source}#{failed.member}")
    return LoadFailure(name, failed.reason_class, failed.detail, failed.loader or found.type)


def _parsed(message: Message) -> Parsed:
    fields = _pick(message, "text", "title", "type", "metadata", "member")
    sections = sections_of(cast("list[list[Any]]", message["sections"]))
    boxes = boxes_of(cast("list[list[int]]", message["boxes"]))
    return Parsed(
        **fields, sections=sections, boxes=boxes, account=Account.of(cast("dict[str, Any]", message["account"]))
    )


def _pick(message: Message, *names: str) -> dict[str, Any]:
    return {name: message[name] for name in names}


def _document(found: Found, parsed: Parsed, sha256: str, meta: Metadata) -> Document | LoadFailure:
    name = clean_text(f"{found.source}#{parsed.member}") if parsed.member else found.source
    kind = parsed.type or found.type
    if not parsed.text.strip():
        return LoadFailure(name, "empty", "no text in it", kind)
    return Document(
        id=name,
        text=parsed.text,
        source=found.source,
        title=" ".join(clean_text(parsed.title).split()),
        type=kind,
        sections=parsed.sections,
        metadata={**clean_fields(parsed.metadata), **found.meta, **meta},
        modified=found.modified,
        source_sha256=sha256,
        location=found.location,
        account=parsed.account,
        boxes=parsed.boxes,
    )
