"""BEIR folders: ``corpus.jsonl`` read line by line, ids kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from ..documents import Document, Metadata, clean_text
from .draft import MAX_TEXT
from .reading import open_regular
from .results import Found, LoadFailure, metadata_of

_MAX_LINE = 4 * MAX_TEXT


def read(found: Found, meta: Metadata) -> Iterator[Document | LoadFailure]:
    """Read a corpus as a stream; broken lines are listed with their number, the rest goes in.

    Raises
    ------
    OSError, LoadError
        Where the file cannot be opened.
    """
    seen: set[int] = set()  # hashes: 5 million ids fit memory
    digest = found.sha256
    with os.fdopen(open_regular(found.path), "rb") as file:
        number = 0
        while line := file.readline(_MAX_LINE):
            number += 1
            if not line.strip():
                continue
            try:
                fields = _fields(line)
                mark = hash(fields["_id"])
                if mark in seen:
                    raise ValueError(f"the _id {fields['_id']!r} came before")  # noqa: TRY301 - one place lists a line
                seen.add(mark)
            except (ValueError, RecursionError) as error:
                yield LoadFailure(f"{found.source}#line {number}", "parse", f"line {number}: {error}", "beir")
                continue
            document = _document(fields, found, digest, meta)
            if document.text.strip():
                yield document
            else:
                yield LoadFailure(f"{found.source}#{document.id}", "empty", f"line {number}: no text", "beir")


def _fields(line: bytes) -> dict[str, object]:
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - broken data, not a wrong argument
    name = fields.get("_id", fields.get("id"))
    if not isinstance(name, str | int) or not str(name):
        raise ValueError('no "_id"')
    for key in ("title", "text"):
        if fields.get(key) is None:  # "title": null is what a library writes for a document without one
            fields[key] = ""
        if not isinstance(fields[key], str):
            raise ValueError(f'"{key}" is not a string')  # noqa: TRY004 - as above
    fields["_id"] = clean_text(str(name))
    return fields


def _document(fields: dict[str, object], found: Found, digest: str, meta: Metadata) -> Document:
    title = " ".join(clean_text(str(fields["title"])).split())
    text = clean_text(str(fields["text"]))
    own = fields.get("metadata")
    return Document(
        id=str(fields["_id"]),
        text=text if text.strip() else title,
        source=found.source,
        title=title,
        metadata={**metadata_of(own if isinstance(own, dict) else {}), **found.meta, **meta},
        modified=found.modified,
        source_sha256=digest,
        location=found.location,
    )
