"""BEIR folders: ``corpus.jsonl`` read line by line, ids kept."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..documents.document import Document, Metadata
from .corpus_rows import documents
from .reading import open_regular
from .results import Found, LoadFailure
from .table_rows import rows


def read(found: Found, meta: Metadata) -> Iterator[Document | LoadFailure]:
    """Read a corpus as a stream; broken lines are listed with their number, the rest goes in.

    Raises
    ------
    OSError, LoadError
        Where the file cannot be opened.
    """
    with os.fdopen(open_regular(found.path), "rb") as file:
        yield from documents(rows(file, ".jsonl"), found, meta, table=False)
