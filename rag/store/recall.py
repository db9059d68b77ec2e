"""Recall of a saved index: whether it finds what exact search over the store's vectors finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.checks import distinct

from . import contents, reading
from .contents import ChunkVectors
from .database import Connection
from .generations import AnyIndex
from .similarities import unit

_SAMPLE, _K = 50, 10
_LEAST = 200
"""Smaller indexes answer exactly, or nearly so."""
_CHANCE = 0.05
"""A sample may lie so far below the engine's floor by chance."""

Ids = NDArray[np.int64]
Matrix = NDArray[np.float32]


def shortfall(db: Connection, what: ChunkVectors, index: AnyIndex, metric: str) -> tuple[int, str]:
    """Search for a sample of the entries; return how many of their neighbours are not found, and the figures.

    The sample's exact neighbours come from the store, block by block. Nothing is returned of an index of terms, nor if
    the recall is at least what the engine promises.
    """
    if index.family != "dense" or index.traits.exhaustive or len(index) < _LEAST:
        return 0, ""
    queries = _sample(db, what, index.ids())
    n = len(queries)
    (missed,), sought = _missed(db, what, index, metric, queries, ({},))
    recall, floor = 1 - missed / sought, index.traits.recall_floor
    if recall >= floor - _CHANCE:
        return 0, ""
    return missed, (
        f"recall@{_K} of a sample of {n} entries is {recall:.2f}, the engine should reach {floor:.2f}: "
        "`rag repair` builds it anew from the store; if that does not help, take another index"
    )


def of(
    db: Connection, what: ChunkVectors, index: AnyIndex, metric: str, tries: Sequence[Mapping[str, Any]] = ({},)
) -> list[float]:
    """Return the shares of the exact neighbours of some questions that an index finds, 0 to 1.

    One for each of ``tries``, the search parameters of which the others are the index's own. The store is read once.
    The questions lie in the middle between two entries. Entries themselves would be found too easily: of 200,000 made
    vectors a graph found .99 of their neighbours, .94 of those of real questions, and .83 of those of the middles.
    """
    queries = middles(_sample(db, what, index.ids()), metric)
    missed, sought = _missed(db, what, index, metric, queries, tries)
    return [1 - each / sought if sought else 1.0 for each in missed]


def _sample(db: Connection, what: ChunkVectors, held: Ids) -> Matrix:
    """Return the vectors of some entries, evenly spread."""
    return _vectors(db, what, held[:: max(1, len(held) // _SAMPLE)])


def middles(x: Matrix, metric: str) -> Matrix:
    """Return the middle between each vector of a sample and one from its other half: float32, as many."""
    if metric == "cosine":
        x = unit(x)
    return np.asarray((x + np.roll(x, len(x) // 2, axis=0)) / 2, np.float32)


def _missed(  # noqa: PLR0917 - two callers
    db: Connection,
    what: ChunkVectors,
    index: AnyIndex,
    metric: str,
    queries: Matrix,
    tries: Sequence[Mapping[str, Any]],
) -> tuple[list[int], int]:
    """Return how many neighbours of the queries each try does not find, and how many there are."""
    held = index.ids()
    found = np.stack([index.search(queries, _K, params=params or None).ids for params in tries])
    best = np.full((len(queries), _K), -np.inf, np.float32)
    scored = np.full(found.shape, -np.inf, np.float32)
    for vectors, ids in _entries(db, what, held):
        scores = _scores(queries, vectors, metric)
        best = -np.sort(-np.concatenate((best, scores), axis=1), axis=1)[:, :_K]
        order = np.argsort(ids)
        at = order[np.minimum(np.searchsorted(ids, found, sorter=order), len(ids) - 1)]
        here = ids[at] == found
        for each, places, there in zip(scored, at, here, strict=True):
            each[there] = np.take_along_axis(scores, places, axis=1)[there]
    least = best[:, -1:] - 1e-4 * np.abs(best[:, -1:])
    return [int((each < least).sum()) for each in scored], found[0].size


def _entries(db: Connection, what: ChunkVectors, held: Ids) -> Iterator[tuple[Matrix, Ids]]:
    """Yield the store's entries that the index holds."""
    chunks = np.intersect1d(reading.chunk_ids(db), distinct(what.chunks(held)), assume_unique=True)
    for vectors, ids in contents.blocks(db, what, chunks, contents.BLOCK):
        inside = np.isin(ids, held)
        if inside.any():
            yield vectors[inside], ids[inside]


def _vectors(db: Connection, what: ChunkVectors, ids: Ids) -> Matrix:
    """Return the store's vectors of those of these entries that it still has."""
    chunks = np.intersect1d(reading.chunk_ids(db), distinct(what.chunks(ids)), assume_unique=True)
    vectors, found = what.items(db, chunks)
    return np.asarray(vectors[np.isin(found, ids)], np.float32)


def _scores(q: Matrix, x: Matrix, metric: str) -> Matrix:
    if metric == "cosine":
        q, x = unit(q), unit(x)
    dots = q @ x.T
    if metric == "l2":
        dots = 2 * dots - np.square(q).sum(axis=1)[:, None] - np.square(x).sum(axis=1)
    return np.asarray(dots, np.float32)
