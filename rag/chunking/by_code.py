"""Split source code: definitions stay whole if they fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..documents.document import Chunk, Document
from ..embedding.protocol import Tokenizer
from .packing import lines
from .recursive import split
from .ruler import Ruler, SizedChunker, Span

CODE_TYPES = frozenset(
    re.findall(
        r"[\w-]+",
        "batch c clojure cmake code cpp csharp css dart docker elixir fortran go groovy haskell ini java javascript "
        "julia kotlin lisp lua make objective-c ocaml perl php powershell protobuf python r ruby rust scala shell sql "
        "swift terraform toml typescript vue yaml zig",
    )
)
"""Document types that are split as source code."""

# A line at the margin that opens something; closing brackets and the branches of a statement continue the line above.
_TOP_LEVEL = re.compile(
    r"^(?=[^\s)\]}])(?!(?:else|elif|except|finally|catch|end|then|do|done|fi|esac)\b)", re.MULTILINE
)
_BLANK_LINE = re.compile(r"\n[^\S\n]*+\n(?:[^\S\n]*+\n)*")
_BINDS = re.compile(r"@|#\[|//|#(?!include|define|if|pragma)|/\*|\*|--|template\b|export\b$")


class CodeChunker(SizedChunker):
    """Keeps definitions whole if they fit, else their paragraphs, else their lines; small neighbours share a chunk.

    Knows no language: a definition is what starts at the margin, with the comments and decorators right above it.

    Parameters
    ----------
    tokenizer
        The embedder's own.
    size
        Tokens of a chunk at most, its line of title included; never more than the embedder takes.
    """

    def __init__(self, tokenizer: Tokenizer, size: int = 256) -> None:
        super().__init__(f"code:{size}", tokenizer, size)

    def chunk(self, document: Document) -> list[Chunk]:
        """Split source code between definitions."""
        ruler = self.ruler(document)
        return ruler.chunks(code_spans(ruler, 0, len(document.text)))


def code_spans(ruler: Ruler, start: int, end: int) -> Iterator[Span]:
    """Split a span of source code."""
    return split(ruler, start, end, (_definitions, _blocks, lines))


def _definitions(text: str, start: int, end: int) -> Iterator[Span]:
    held = False  # by a comment or decorator, which belongs to the line below it
    for line in _TOP_LEVEL.finditer(text, start, end):
        at = line.start()
        if at > start and not held:
            yield start, at
            start = at
        following = text.find("\n", at, end)
        held = bool(_BINDS.match(text, at)) and not text.startswith("\n", following + 1)
    if start < end:
        yield start, end


def _blocks(text: str, start: int, end: int) -> Iterator[Span]:
    for gap in _BLANK_LINE.finditer(text, start, end):
        yield start, gap.end()
        start = gap.end()
    if start < end:
        yield start, end
