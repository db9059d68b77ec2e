"""Parsing in the workers of an executor: files go there by batches, documents come back in the order of the files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache

from ..documents.document import Document, Metadata
from ..execution.protocol import Executor, in_order
from .limits import ParseLimits
from .loading import is_inline, load_files, read_inline
from .pool import Pool
from .results import Found, LoadFailure

_FILES, _BYTES = 8, 4 << 20
"""Files and bytes of a batch, at most: what a worker that dies has done in vain."""

_Loaded = Document | LoadFailure
_Batch = list[Found] | Found | LoadFailure


def load_apart(
    found: Iterable[Found | LoadFailure],
    executor: Executor,
    *,
    meta: Metadata | None = None,
    parse_seconds: float | None = None,
    parse_memory: int | None = None,
) -> Iterator[_Loaded]:
    """Load files as `load_files` does, in the workers of an executor; what needs no parser is read in this process."""
    limits, fields = ParseLimits(parse_seconds, parse_memory), dict(meta or {})

    def submitted(batch: _Batch) -> Future[list[_Loaded] | Found]:
        if isinstance(batch, list):
            return executor.submit(parse_batch, batch, fields, limits)
        future: Future[list[_Loaded] | Found] = Future()
        future.set_result([batch] if isinstance(batch, LoadFailure) else batch)
        return future

    for done in in_order(map(submitted, _batches(found)), 2 * executor.workers):
        if isinstance(done, list):
            yield from done
        elif (results := read_inline(done, fields)) is not None:
            yield from results
        else:
            yield from executor.submit(parse_batch, [done], fields, limits).result()


def parse_batch(files: list[Found], meta: Metadata, limits: ParseLimits) -> list[_Loaded]:
    """Parse files; the parser is a child of this process and stays for the next batch."""
    return list(load_files(files, meta=meta, pool=_parser(limits, os.getpid())))


@lru_cache(maxsize=1)
def _parser(limits: ParseLimits, _process: int) -> Pool:
    return Pool(workers=1, limits=limits)


def _batches(found: Iterable[Found | LoadFailure]) -> Iterator[_Batch]:
    """Group the files that need a parser; others come alone, in their places."""
    batch: list[Found] = []
    for item in found:
        parsed = isinstance(item, Found) and not is_inline(item)
        if batch and (not parsed or len(batch) == _FILES or sum(each.size for each in batch) >= _BYTES):
            yield batch
            batch = []
        if isinstance(item, Found) and parsed:
            batch.append(item)
        else:
            yield item
    if batch:
        yield batch
