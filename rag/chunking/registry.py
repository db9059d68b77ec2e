"""Chunkers by spec."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple, cast

from ..components import is_plugin, make, plugins
from ..embedding.protocol import Tokenizer
from ..errors import InvalidInput
from .by_code import CodeChunker
from .by_headings import HeadingsChunker
from .by_tokens import SentencesChunker, TokensChunker
from .protocol import Chunker
from .recursive import RecursiveChunker
from .whole import DocumentChunker


class Kind(NamedTuple):
    """A row of the table: the constructor, and the numbers that a spec may leave out."""

    make: Callable[..., Chunker]
    defaults: tuple[int, ...]
    form: str
    says: str


KINDS: dict[str, Kind] = {
    "headings": Kind(HeadingsChunker, (256, 32), "headings:TOKENS/OVERLAP", "whole sentences under one heading"),
    "tokens": Kind(TokensChunker, (256, 32), "tokens:TOKENS/OVERLAP", "a sliding window of tokens"),
    "sentences": Kind(SentencesChunker, (256, 1), "sentences:TOKENS/SENTENCES", "whole sentences"),
    "recursive": Kind(RecursiveChunker, (256,), "recursive:TOKENS", "paragraphs, else lines, sentences, tokens"),
    "code": Kind(CodeChunker, (256,), "code:TOKENS", "definitions, else blocks, lines, tokens"),
    "document": Kind(lambda _tokenizer: DocumentChunker(), (), "document", "one chunk per document"),
}
CONTEXTUAL = {"contextual": "rag.chunking.contextual:ContextualChunker"}
"""Chunkers with options by name, imported on first use."""

SMALLEST = 8
LARGEST = 1 << 20
_SPEC = re.compile(r"([a-z]+)(?::(\d{1,9})(?:/(\d{1,9}))?)?", re.ASCII)


def chunker(spec: str, tokenizer: Tokenizer) -> Chunker:
    """Make a chunker.

    Parameters
    ----------
    spec
        ``headings:256/32`` (the default of a knowledge base), ``tokens:256/32``, ``sentences:256/1``,
        ``recursive:256``, ``code:256`` or ``document``. Numbers may be left out. ``contextual:llm=openai:MODEL`` with
        ``of=headings:256/32`` and ``cache=FILE`` puts a line by a model above each chunk. Or another package's chunker,
        such as ``mine`` or ``mine:size=3``.
    tokenizer
        That of the embedder the chunks are for: chunks are measured by it and never exceed ``tokenizer.max_tokens``.

    Raises
    ------
    InvalidInput
        The spec does not name a chunker, or its numbers are invalid.
    ExtraMissing
        The chunker of another package cannot be imported.

    Examples
    --------
    >>> from rag.embedding import WordTokenizer
    >>> chunker("sentences", WordTokenizer()).name
    'sentences:256/1'
    """
    name = spec.partition(":")[0].strip()
    if name in CONTEXTUAL or (name not in KINDS and is_plugin("chunker", spec)):
        return cast("Chunker", make("chunker", CONTEXTUAL, spec, SimpleNamespace(tokenizer=tokenizer)))
    match = _SPEC.fullmatch(spec.strip())
    kind = KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        raise InvalidInput(f"no chunker {spec!r}; {_hint(spec)}")
    given = [int(number) for number in match.groups()[1:] if number is not None]
    if len(given) > len(kind.defaults):
        raise InvalidInput(f"chunker {spec!r} has too many numbers; write {kind.form}")
    numbers = [*given, *kind.defaults[len(given) :]]
    if len(given) == 1 and len(numbers) == 2 and match[1] != "sentences":
        numbers[1] = min(numbers[1], numbers[0] // 2)
    if numbers:
        _check(spec, match[1], numbers)
    return kind.make(tokenizer, *numbers)


def name_of(given: Chunker | str | None, made: Chunker) -> str:
    """Return the name that a knowledge base keeps: the spec of another package's chunker, for it makes one again."""
    own = {*KINDS, *CONTEXTUAL}
    return given.strip() if isinstance(given, str) and given.partition(":")[0].strip() not in own else made.name


def _check(spec: str, name: str, numbers: list[int]) -> None:
    size = numbers[0]
    if not SMALLEST <= size <= LARGEST:
        raise InvalidInput(f"chunker {spec!r}: a chunk of {size} tokens; give {SMALLEST} to {LARGEST}")
    if name != "sentences" and len(numbers) == 2 and numbers[1] > size // 2:
        raise InvalidInput(f"chunker {spec!r}: an overlap of {numbers[1]} tokens; give at most half of {size}")


def _hint(spec: str) -> str:
    known = {
        **{name: kind.form for name, kind in KINDS.items()},
        **dict.fromkeys(sorted({*plugins("chunker"), *CONTEXTUAL} - KINDS.keys()), ""),
    }
    near = difflib.get_close_matches(spec.partition(":")[0], known, n=1)
    forms = [known[near[0]] or near[0]] if near else [form or name for name, form in known.items()]
    return f"write {' or '.join(forms)}"
