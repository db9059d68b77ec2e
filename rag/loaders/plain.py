"""Plain text, source code and RTF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..documents import clean_text
from .draft import Draft, first_title
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


_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")


def parse_rtf(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an RTF file."""
    from striprtf.striprtf import rtf_to_text

    source = data.decode("latin-1")  # RTF is ASCII; other bytes are characters of the code page it names
    if not source.lstrip().startswith("{\\rtf"):
        raise LoadError("parse", "not RTF: it does not begin with {\\rtf")
    draft = Draft(context.budget)
    for line in rtf_to_text(source, errors="replace").split("\n"):
        if "|" in line and line.rstrip().endswith("|"):
            draft.row(line.rstrip().rstrip("|").split("|"))
        else:
            draft.block(line)
    title = _TITLE.search(source[: 1 << 16])
    yield draft.parsed(first_title(title[1] if title else "", context.stem_title))
