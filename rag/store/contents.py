"""Contents of the indexes of a knowledge base: chunk vectors, chunk terms and sentence vectors, with their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes.registry import engine

from ..embedding.sparse_encoder import sparse_encoder
from ..terms import Analyser
from . import reading
from .database import Connection
from .generations import AnyIndex
from .granularity import chunks_of, held_of
from .identity import Identity
from .reading import one

Ids = NDArray[np.int64]
_SENTENCES_ENGINE = "sq"
SENTENCES = f"sentences+{_SENTENCES_ENGINE}"
"""The spec of the index that holds the sentence vectors: in 8 bits a number, as there are several to a chunk."""
BLOCK = 4096  # chunks read at once
_FIRST = 1 << 15
"""Chunks from which an index that goes on by blocks learns what is usual, and that are added at once."""


class ChunkVectors:
    """The vectors of chunks, under the chunks' ids; the base of other contents.

    Changes are logged by chunk, so every method takes or returns chunks.
    """

    costly = False
    """Whether entries are computed by a model, so that an index is saved after every change."""

    def __init__(self, identity: Identity, spec: str) -> None:
        self._identity = identity
        self._spec = spec

    def make(self) -> AnyIndex:
        """Make an empty index of the right kind."""
        return indexes.dense(self._spec, self._identity.dim, metric=self._identity.metric)

    def items(self, db: Connection, chunks: Ids) -> tuple[Any, Ids]:
        """Return the entries of these chunks in the index, with their ids."""
        return reading.vectors(db, chunks, self._identity.dim), chunks

    def ids(self, db: Connection) -> Ids:
        """Return the ids that an up-to-date index holds: int64, ascending."""
        return reading.chunk_ids(db)

    def held(self, index: AnyIndex, chunks: Ids) -> Ids:  # noqa: ARG002 - the ids are the same
        """Return the ids under which an index that knows these chunks holds them."""
        return chunks

    def chunks(self, ids: Ids) -> Ids:
        """Return the chunk of each id."""
        return ids


class ChunkTerms(ChunkVectors):
    """The terms of a chunk, under the chunk's id."""

    def __init__(self, identity: Identity, spec: str, analyser: Callable[[], Analyser]) -> None:
        super().__init__(identity, spec)
        self._analyser = analyser

    def make(self) -> AnyIndex:
        """Make an empty index."""
        return indexes.terms(self._spec)

    def items(self, db: Connection, chunks: Ids) -> tuple[Any, Ids]:
        """Return the chunks' terms."""
        return self._analyser().terms_many(reading.terms_texts(db, chunks)), chunks


class EncodedTerms(ChunkVectors):
    """The weights that a model gives the terms of a chunk, under the chunk's id."""

    costly = True

    def make(self) -> AnyIndex:
        """Make an empty index."""
        return indexes.terms(self._spec)

    def items(self, db: Connection, chunks: Ids) -> tuple[Any, Ids]:
        """Return the chunks' weights."""
        encoder = sparse_encoder(encoder_of(self._spec))
        return encoder.encode_passages(reading.terms_texts(db, chunks)), chunks


class SentenceVectors(ChunkVectors):
    """The vectors of a chunk's sentences, under ids that hold the chunk's (see `rag.store.granularity`)."""

    def items(self, db: Connection, chunks: Ids) -> tuple[Any, Ids]:
        """Return the vectors of the chunks' sentences."""
        return reading.sentence_vectors(db, chunks, self._identity.dim)

    def ids(self, db: Connection) -> Ids:
        """Return the ids of all sentences."""
        return reading.all_sentence_ids(db)

    def held(self, index: AnyIndex, chunks: Ids) -> Ids:
        """Return the ids of the chunks' sentences, as the index knows them: the store has forgotten them."""
        return held_of(index.ids(), chunks)

    def chunks(self, ids: Ids) -> Ids:
        """Return the chunk of each sentence."""
        return chunks_of(ids)


@cache
def encoder_of(spec: str) -> str:
    """Return the model that weighs the terms of an index; empty where none does."""
    if "encoder" not in engine(spec.partition(":")[0].strip()).Build.names():  # a server's engine has a spec of its own
        return ""
    return str(getattr(indexes.parse(spec).build, "encoder", ""))


def terms_encoder(specs: Iterable[str]) -> str:
    """Return the model that weighs the terms of the first index of terms; empty where they are the analyser's."""
    return next((encoder_of(spec) for spec in specs if indexes.kind(spec) == "terms"), "")


def content(identity: Identity, spec: str, analyser: Callable[[], Analyser]) -> ChunkVectors:
    """Return the contents of the index of a spec."""
    if spec == SENTENCES:
        return SentenceVectors(identity, _SENTENCES_ENGINE)
    if indexes.kind(spec) == "dense":
        return ChunkVectors(identity, spec)
    if encoder_of(spec):
        return EncodedTerms(identity, spec)
    return ChunkTerms(identity, spec, analyser)


def every(identity: Identity, specs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the specs of all indexes: those asked for, and that of the sentences if one of them holds vectors."""
    dense = any(indexes.kind(spec) == "dense" for spec in specs)
    return (*specs, SENTENCES) if dense and identity.has_sentences else specs


def blocks(db: Connection, what: ChunkVectors, chunks: Ids, size: int) -> Iterator[tuple[Any, Ids]]:
    """Yield the entries of the chunks in the index, ``size`` chunks at a time."""
    for start in range(0, len(chunks), max(size, 1)):
        yield what.items(db, chunks[start : start + size])


def build(db: Connection, what: ChunkVectors) -> AnyIndex:
    """Build an index of all that the store holds for it."""
    index = what.make()
    chunks = reading.chunk_ids(db)
    parts = blocks(db, what, chunks, len(chunks) if index.learns else _FIRST)
    index.build(*next(parts, what.items(db, chunks[:0])))
    for items, ids in parts:
        index.add(items, ids)
    index.optimize()
    return index


def count(db: Connection, what: ChunkVectors) -> int:
    """Return how many entries an up-to-date index has."""
    return one(db, f"select count(*) from {'sentences' if isinstance(what, SentenceVectors) else 'chunks'}")  # noqa: S608 - one of two
