"""The stages of an ingest that need nothing of the store: documents are chunked, texts are embedded.

Each depends on its arguments and on what the knowledge base was made with alone, so it may be done in another process,
and done again. ``chunk_batch`` and ``embed_batch`` are what an executor runs there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Chunk, Document, context_text
from ..embedding import checked, residual_codes
from ..embedding.protocol import Embedder, PartEmbedder
from ..errors import EmbedderError
from ..sentences import Span
from . import blobs, granularity
from .identity import Identity
from .making import StoreTools
from .writing import ChunkSentence, Prepared

if TYPE_CHECKING:
    from ..chunking import Chunker

Blobs = dict[bytes, tuple[bytes, bytes | None]]
"""Vector and tokens by key, as blobs."""


@dataclass(frozen=True, slots=True)
class EmbedJob:
    """A text to embed, the key of its embedding, and the spans in it that are embedded in its context, with theirs."""

    text: str
    key: bytes
    parts: tuple[tuple[Span, bytes], ...] = ()


def chunked(document: Document, digest: str, chunker: Chunker, identity: Identity) -> Prepared:
    """Split a document, and find its sentences if they have vectors."""
    chunks = chunker.chunk(document)
    texts = [context_text(document.title, c.heading, c.text) for c in chunks]
    keys = [identity.key(text) for text in texts]
    named = list(zip(chunks, texts, strict=True))
    parts = [list(_parts(chunk, text, identity)) if identity.has_sentences else [] for chunk, text in named]
    return Prepared(document, digest, chunks, keys, parts)


def embedded(jobs: Sequence[EmbedJob], embedder: Embedder, identity: Identity, first: int = 0) -> Blobs:
    """Embed texts; ``first`` counts those before them, for errors.

    Raises
    ------
    EmbedderError
        The embedder failed, or gave wrong vectors.
    """
    texts = [job.text for job in jobs]
    tokens: dict[int, bytes] = {}
    try:
        if granularity.is_late(identity.granularity):
            vectors, parts = _with_parts(embedder, jobs, tokens if identity.has_tokens else None)
        else:
            vectors, parts = embedder.embed_passages(texts), {}
    except EmbedderError:
        raise
    except Exception as error:
        span = f"the batch of {len(texts)} texts after the first {first}"
        raise EmbedderError(f"embedder {embedder.name!r} failed on {span}: {type(error).__name__}: {error}") from error
    whole = checked(vectors, texts, name=embedder.name, dim=identity.dim, first=first)
    return {
        job.key: (blobs.whole(row), tokens.get(n)) for n, (job, row) in enumerate(zip(jobs, whole, strict=True))
    } | parts


# ---- in a worker ------------------------------------------------------------------------------------------------


def chunk_batch(identity: Identity, documents: Sequence[tuple[Document, str]]) -> list[Prepared]:
    """Split documents, each given with its digest, by the chunker that the identity names."""
    chunker = _tools(identity).chunker
    return [chunked(document, digest, chunker, identity) for document, digest in documents]


def embed_batch(identity: Identity, jobs: Sequence[EmbedJob], first: int) -> Blobs:
    """Embed texts by the model that the identity names."""
    return embedded(jobs, _tools(identity).embedder, identity, first)


@lru_cache(maxsize=1)
def _tools(identity: Identity) -> StoreTools:
    """Return the embedder and the chunker of a knowledge base, once they are found to be the same as there."""
    return StoreTools(Path("the knowledge base"), identity=identity)


def _parts(chunk: Chunk, text: str, identity: Identity) -> Iterator[ChunkSentence]:
    """Yield the sentences of a chunk; ``text`` is the chunk as it is embedded."""
    above = text[: len(text) - len(chunk.text)]
    for start, end in granularity.spans(chunk.text):
        key = identity.key(granularity.part_text(identity.granularity, above, chunk.text, (start, end)))
        yield ChunkSentence(chunk.start + start, chunk.start + end, key)


def _with_parts(
    embedder: Embedder, jobs: Sequence[EmbedJob], tokens: dict[int, bytes] | None
) -> tuple[NDArray[np.float32], Blobs]:
    """Embed chunks and their sentences; ``tokens`` gets the codes of each chunk's tokens, unless it is None."""
    if not isinstance(embedder, PartEmbedder):
        raise EmbedderError(f"embedder {embedder.name!r} gives no token states, which granularity chunk+late needs")
    texts, spans = [job.text for job in jobs], [[span for span, _ in job.parts] for job in jobs]

    def see(place: int, states: NDArray[np.float32]) -> None:
        if tokens is not None:
            tokens[place] = residual_codes.encode(states)

    vectors, parts = embedder.embed_parts(texts, spans, **({} if tokens is None else {"see_tokens": see}))
    keys = [[key for _, key in job.parts] for job in jobs]
    return vectors, {
        key: (blobs.half(row), None)
        for of, rows in zip(keys, parts, strict=True)
        for key, row in zip(of, rows, strict=True)
    }
