"""Documents out of rows with an id and a text, whatever file or library the rows come from; ids are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..documents.document import Document, Metadata, clean_text
from .results import Found, LoadFailure, clean_fields, metadata_of

Row = tuple[str, object]
"""Where it is, such as ``line 3``, and what is there; an exception says why nothing is."""

IDS = ("_id", "id", "doc_id", "docid", "pid")
TEXTS = ("text", "contents", "content", "passage", "body")


def documents(
    rows: Iterator[Row], found: Found, meta: Metadata, *, table: bool = True
) -> Iterator[Document | LoadFailure]:
    """Make documents; rows that cannot be one are listed with their place, the rest goes in.

    ``table``: the rows are somebody's table, whose other columns are metadata too, and where a row without an id is
    named by its place; else they are of BEIR's form.
    """
    seen: set[int] = set()  # hashes: 5 million ids fit memory
    digest = found.sha256
    for where, row in rows:
        try:
            fields = _fields(row, f"{found.source}#{where}" if table else "")
            mark = hash(fields["_id"])
            if mark in seen:
                raise ValueError(f"the _id {fields['_id']!r} came before")  # noqa: TRY301 - one place lists a row
            seen.add(mark)
        except (ValueError, RecursionError) as error:
            yield LoadFailure(f"{found.source}#{where}", "parse", f"{where}: {error}", found.type)
            continue
        document = _document(fields, found, digest, meta)
        if document.text.strip():
            yield document
        else:
            yield LoadFailure(f"{found.source}#{document.id}", "empty", f"{where}: no text", found.type)


def _fields(row: object, place: str) -> dict[str, object]:
    """Check a row; ``place`` names it where it is of a table and has no id."""
    if isinstance(row, Exception):
        raise ValueError(str(row)) from row  # noqa: TRY004 - broken data
    if not isinstance(row, Mapping):
        raise ValueError("not a JSON object")  # noqa: TRY004 - broken data, not a wrong argument
    if place and not any(key in row for key in TEXTS):
        raise ValueError(f"no text; its columns are {', '.join(map(str, row))}")
    name = next((row[key] for key in IDS if row.get(key) is not None), None)
    name = place if name is None else name
    if isinstance(name, float) and name.is_integer():  # what pandas makes of whole numbers beside an empty cell
        name = int(name)
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name):
        raise ValueError('no "_id"')
    fields = {
        "_id": clean_text(str(name)),
        "title": row.get("title"),
        "text": next((row[key] for key in TEXTS if row.get(key) is not None), None),
    }
    for key in ("title", "text"):
        if fields[key] is None:  # "title": null is what a library writes for a document without one
            fields[key] = ""
        if not isinstance(fields[key], str):
            raise ValueError(f'"{key}" is not a string')  # noqa: TRY004 - as above
    own = row.get("metadata")
    others = {key: value for key, value in row.items() if key not in {*IDS, *TEXTS, "title", "metadata"}}
    fields["metadata"] = {**(others if place else {}), **(own if isinstance(own, Mapping) else {})}
    return fields


def _document(fields: Mapping[str, object], found: Found, digest: str, meta: Metadata) -> Document:
    title = " ".join(clean_text(str(fields["title"])).split())
    text = clean_text(str(fields["text"]))
    own = fields["metadata"]
    return Document(
        id=str(fields["_id"]),
        text=text if text.strip() else title,
        source=found.source,
        title=title,
        metadata={**clean_fields(metadata_of(own if isinstance(own, Mapping) else {})), **found.meta, **meta},
        modified=found.modified,
        source_sha256=digest,
        location=found.location,
    )
