"""The corpus of an experiment: paths as `rag ingest` takes them, and documents that Python hands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.evaluation.questions.question_tables import records
from rag.loaders.results import metadata_of

from .cache import digest


def parted(given: object) -> tuple[tuple[str, ...], tuple[Document, ...]]:
    """Return the paths and the documents of a corpus.

    Parameters
    ----------
    given
        A path; a data frame; or an iterable of paths, `Document`, mappings with ``id`` and ``text``, and of iterables
        and data frames of documents.

    Raises
    ------
    InvalidInput
        It is none of these, a document lacks its id or text, or two have one id.
    """
    paths: list[str] = []
    documents: dict[str, Document] = {}
    for each in _items(given):
        if isinstance(each, str | Path):
            paths.append(str(each))
            continue
        for number, row in enumerate([each] if isinstance(each, Document | Mapping) else records(each, "documents"), 1):
            found = _document(row, number)
            if found.id in documents:
                raise InvalidInput(f"two documents of the corpus have the id {found.id!r}; ids must be unique")
            documents[found.id] = found
    return tuple(paths), _by_source(documents.values())


def documents_digest(documents: Iterable[Document]) -> str:
    """Return a digest over the contents of documents, in their order."""
    return digest({"documents": [own.digest() for own in documents]})


def _items(given: object) -> Iterable[Any]:
    if isinstance(given, str | Path | Document | Mapping) or hasattr(given, "columns"):
        return [given]
    if not isinstance(given, Iterable):
        raise InvalidInput(f"corpus is a path, documents, or a list of these, not a {type(given).__name__}")
    return given


def _document(row: object, number: int) -> Document:
    if isinstance(row, Document):
        return row if row.source else replace(row, source=row.id)
    if not isinstance(row, Mapping):
        raise InvalidInput(f"document {number} of the corpus is a {type(row).__name__}; give a Document or a mapping")
    name = next((row[key] for key in _IDS if row.get(key) is not None), None)
    text = row.get("text")
    if name is None or not isinstance(text, str):
        raise InvalidInput(f"document {number} of the corpus needs an id and a text; it has {', '.join(map(str, row))}")
    title = row.get("title")
    metadata = metadata_of({key: value for key, value in row.items() if key not in {*_IDS, "text", "title"}})
    own = Document.from_text(text, id=str(name), title=title if isinstance(title, str) else "")
    return replace(own, metadata=metadata)


_IDS = ("id", "_id", "doc_id", "docid")


def _by_source(documents: Iterable[Document]) -> tuple[Document, ...]:
    """Return documents with those of one source together: consecutive ones are a source's whole content."""
    groups: dict[str, list[Document]] = {}
    for each in documents:
        groups.setdefault(each.source, []).append(each)
    return tuple(each for group in groups.values() for each in group)
