"""Documents of other libraries as ours, and back, with nothing lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..documents.document import Document, Field, Metadata, Passage, metadata_fields
from ..errors import InvalidInput
from ..filters import FieldTest, Filter, Junction, Node
from ..knowledge_base import KnowledgeBase

ORIGINAL = "_original"
"""Metadata field with the JSON of what our fields cannot hold as it was, such as a list of mappings."""


def fields_of(metadata: Mapping[str, Any]) -> dict[str, Field]:
    """Return metadata of any shape as fields that filters compare, with the original where that says more."""
    try:
        fields = metadata_fields(metadata)
    except InvalidInput:
        fields = {}
        for key, value in metadata.items():
            try:
                fields |= metadata_fields({key: value})
            except InvalidInput:
                continue  # the original has it
    if fields != metadata:
        fields[ORIGINAL] = json.dumps(metadata, ensure_ascii=False, default=_said)
    return fields


def document(text: str, metadata: Mapping[str, Any], *, id: str, source: str = "") -> Document:  # noqa: A002
    """Make a document of a text with metadata of any shape and any names; its source is its id, if none is given."""
    return replace(Document.from_text(text, id=id, source=source), metadata=fields_of(metadata))


def metadata_of(fields: Metadata) -> dict[str, Any]:
    """Return the metadata that `fields_of` was given; dates as ISO text."""
    text = fields.get(ORIGINAL)
    if isinstance(text, str):
        found: dict[str, Any] = json.loads(text)
        return found
    return dict(fields)


def _said(value: Any) -> Any:  # noqa: ANN401 - what json cannot write
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def place_of(passage: Passage) -> dict[str, Any]:
    """Return a passage's metadata and where it is from, for libraries that know of metadata only."""
    own = {"source": passage.source, "document": passage.document, "start": passage.start, "end": passage.end}
    own |= {"title": passage.title} if passage.title else {}
    own |= {"page": passage.page} if passage.page is not None else {}
    own |= {"heading": " > ".join(passage.heading)} if passage.heading else {}
    return {**metadata_of(passage.metadata), **own, "score": passage.score}


def stored(kb: KnowledgeBase, ids: Iterable[str]) -> list[Document]:
    """Return the documents that a knowledge base has of these ids, in their order."""
    known = frozenset(kb.document_ids())
    return [kb.document(each) for each in ids if each in known]


def where_of(wanted: str | Mapping[str, Any] | None) -> str | Filter | None:
    """Return a filter: in our own language, or from fields and the values that they must have."""
    if wanted is None or isinstance(wanted, str):
        return wanted
    tests: Sequence[Node] = [
        FieldTest(f"metadata.{name}", *(("in", tuple(value)) if isinstance(value, list | tuple) else ("==", (value,))))
        for name, value in wanted.items()
    ]
    return Filter(Junction("and", tuple(tests)) if len(tests) != 1 else tests[0]) if tests else None


def ids_where(kb: KnowledgeBase, where: Filter | None) -> list[str]:
    """Return the ids of the documents that a filter allows, sorted; of all for None."""
    if where is None:
        return kb.document_ids()
    allowed = kb.allowed(where)
    return sorted({record.document for record in kb.chunks([] if allowed is None else allowed.ids.tolist())})
