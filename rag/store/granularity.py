"""Two granularities: a chunk has a vector, and so has each of its sentences.

A chunk's vector blurs what its sentences say one by one; a sentence's vector lacks its context. Together they
find more than either alone (``docs/results.md``).

``chunk+sentence`` embeds each sentence by itself. ``chunk+late`` takes the mean of the model's states of the
sentence's tokens, taken while it read the whole chunk (late chunking): it costs next to nothing to embed.
``chunk+late+tokens`` keeps these states too, in 2 bits a number, for late interaction (`rag.embedding.residual_codes`).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput
from ..sentences import Span, sentences

Granularity = Literal["chunk", "chunk+sentence", "chunk+late", "chunk+late+tokens"]
AUTO = "auto"
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
Ids = NDArray[np.int64]

_BITS = 20
"""A sentence's id is ``chunk << 20 | ordinal``: the chunk is found without a table, and ids are never used twice."""
MOST = 1 << _BITS
"""Sentences of a chunk, at most; the rest of a longer one is searched by the chunk's own vector alone."""


def checked_granularity(name: str) -> Granularity:
    """Return a granularity's name, or refuse it."""
    for known in GRANULARITIES:
        if name == known:
            return known
    raise InvalidInput(f"granularity={name!r}: give one of {AUTO}, {', '.join(GRANULARITIES)}")


def is_late(granularity: Granularity) -> bool:
    """Say whether sentences are embedded within their chunk."""
    return granularity.startswith("chunk+late")


def spans(text: str) -> list[Span]:
    """Return the sentences of a chunk that get a vector: half-open character spans in it.

    What holds no letter or digit (rules, fences, bullets) is none; a chunk of nothing else is one as a whole.
    """
    found = [(start, end) for start, end in sentences(text) if any(map(str.isalnum, text[start:end]))]
    return found[:MOST] or [(0, len(text))]


def part_text(granularity: Granularity, above: str, text: str, span: Span) -> str:
    """Return a text that identifies the vector of a sentence: the embedded text, or the chunk with the place in it.

    ``above`` is the text before the chunk's ``text`` when it is embedded: title and headings.
    """
    start, end = span
    if is_late(granularity):
        return f"{above}{text}\0{len(above) + start}:{len(above) + end}"
    return above + text[start:end]


def sentence_ids(chunks: ArrayLike, ordinals: ArrayLike) -> Ids:
    """Return the ids of sentences, by chunk and place in it."""
    ids: Ids = np.asarray(chunks, np.int64) << _BITS | np.asarray(ordinals, np.int64)
    return ids


def chunks_of(ids: Ids) -> Ids:
    """Return the chunk that each sentence is of."""
    chunks: Ids = ids >> _BITS
    return chunks


def held_of(ids: Ids, chunks: Ids) -> Ids:
    """Return those of ``ids`` (sentences, ascending) that are of ``chunks`` (ascending)."""
    first = np.searchsorted(ids, chunks << _BITS)
    last = np.searchsorted(ids, (chunks + 1) << _BITS)
    lengths = last - first
    ends = np.cumsum(lengths)
    at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - lengths), lengths)
    found: Ids = ids[at]
    return found
