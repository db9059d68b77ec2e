"""Plain text and source code."""

from __future__ import annotations

from collections.abc import Iterator

from ..documents.document import clean_text
from .encoded import without_encoded
from .errors import LoadError
from .formats import ParseContext
from .reading import decode, looks_binary
from .results import Parsed


def text_of(data: bytes, context: ParseContext, charset: str = "") -> str:
    """Decode and clean a text file, encoded data left out; raises LoadError for binary ones."""
    if looks_binary(data):
        raise LoadError("type", "the name promises text, the bytes are not text")
    return without_encoded(clean_text(decode(data, charset, guess=not context.inline)))


def parse_text(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read plain text."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.stem_title)


def parse_code(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read source code; its title is the file's name."""
    text = text_of(data, context)
    context.budget.charge(len(text))
    yield Parsed(text, context.name)
