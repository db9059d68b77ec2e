"""Check that a document can be stored; repair what loses nothing, refuse the rest by name."""

from __future__ import annotations

from dataclasses import replace

from ..documents.document import Document, Field, composed, metadata_fields
from ..errors import InvalidInput
from .writing import source_name


def storable(document: Document) -> tuple[Document, str]:
    """Name the source, flatten the metadata, compose accents, replace lone surrogates; return the digest too.

    Surrogates are replaced one for one, so that offsets stay; the text is left as it is otherwise.

    Raises
    ------
    InvalidInput
        A field is of the wrong type, or a metadata value cannot be compared by a filter.
    """
    _check(document)
    if not document.source:
        document = replace(document, source=source_name(document))
    document = _composed(document)
    try:
        return document, document.digest()
    except UnicodeEncodeError:
        document = _cleaned(document)
    return document, document.digest()


def _composed(document: Document) -> Document:
    """Bring names and fields into the form NFC, in which filters compare."""
    id_, source, title = map(composed, (document.id, document.source, document.title))
    try:
        fields = metadata_fields(document.metadata)
    except InvalidInput as error:
        raise InvalidInput(f"document {document.id!r}: {error}") from None
    metadata = {composed(key): _composed_field(value) for key, value in fields.items()}
    return replace(document, id=id_, source=source, title=title, metadata=metadata)


def _composed_field(value: Field) -> Field:
    if isinstance(value, list | tuple):
        return [composed(each) if isinstance(each, str) else each for each in value]
    return composed(value) if isinstance(value, str) else value


def _check(document: Document) -> None:
    if not isinstance(document.id, str) or not document.id:
        raise InvalidInput(f"a document's id is a text that is not empty, got {document.id!r}; give it one of its own")
    for name in ("text", "source", "title", "type", "location"):
        if not isinstance(value := getattr(document, name), str):
            raise InvalidInput(f"document {document.id!r}: {name} is a text, got {type(value).__name__}")


def _cleaned(document: Document) -> Document:
    sections = tuple(
        replace(s, heading=tuple(map(_encodable, s.heading)), columns=_encodable(s.columns)) for s in document.sections
    )
    metadata = {_encodable(key): _encodable_field(value) for key, value in document.metadata.items()}
    return replace(
        document,
        id=_encodable(document.id),
        text=_encodable(document.text),
        source=_encodable(document.source),
        title=_encodable(document.title),
        type=_encodable(document.type),
        location=_encodable(document.location),
        sections=sections,
        metadata=metadata,
    )


def _encodable_field(value: Field) -> Field:
    if isinstance(value, list | tuple):
        return [_encodable(each) if isinstance(each, str) else each for each in value]
    return _encodable(value) if isinstance(value, str) else value


def _encodable(text: str) -> str:
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= c <= "\udfff" else c for c in text)
