"""Plain text and source code."""

from __future__ import annotations

from collections.abc import Iterator

from ..documents import clean_text
from .encoded import without_encoded
from .formats import Context
from .reading import decode, looks_binary
from .results import LoadError, Parsed


def text_of(data: bytes, context: Context) -> str:
    """Decode and clean a text file, encoded data left out; raises LoadError for binary ones."""
    if looks_binary(data):
        raise LoadError("type", "the name says text, the bytes do not")
    return without_encoded(clean_text(decode(data, guess=not context.inline)))


def parse_text(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read plain text."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.stem_title)


def parse_code(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read source code; its title is the file's name."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.name)
