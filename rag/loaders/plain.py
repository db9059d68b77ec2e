"""Plain text and source code."""

from __future__ import annotations

from collections.abc import Iterator

from ..documents import clean_text
from .formats import Context
from .reading import decode, looks_binary
from .results import LoadError, Parsed


def text_of(data: bytes, context: Context) -> str:
    """Decode, clean and charge a text file; raises LoadError for binary ones."""
    if looks_binary(data):
        raise LoadError("type", "the name says text, the bytes do not")
    return clean_text(decode(data, guess=not context.inline))


def parse_text(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read plain text as it is."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.stem_title)


def parse_code(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read source code as it is; its title is the file's name."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.name)
