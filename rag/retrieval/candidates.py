"""The candidates of a question: the union of the searches' lists, scored by every search."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, IdSet

from ..store.sentence_search import TwoGranularities
from ..store.similarities import similarities
from .fusion import View

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

SAMPLE = 512
"""Chunks in the sample from which a search's mean and deviation are estimated; 300 are as good."""

_SEED = 0

Row = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The union of what the searches listed for one question.

    Attributes
    ----------
    ids
        int64, shape (n,): chunk ids, ascending.
    views
        What each search says of them.
    exhausted
        No search has more to list: a longer list would bring nothing new.
    """

    ids: NDArray[np.int64]
    views: tuple[View, ...]
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Search:
    """One index with a batch of queries for it.

    ``unlisted`` is the score of a chunk that the index does not return even if nothing else is allowed: 0 for an index
    of terms (no term in common). ``params`` are search parameters other than the index's own.
    """

    name: str
    index: Any  # indexes.DenseIndex or indexes.TermIndex: their ``search`` differs in the queries' type only
    queries: Any
    unlisted: float = 0.0
    params: Mapping[str, float] | None = None

    @property
    def sentences(self) -> TwoGranularities | None:
        """The index, if it scores by sentences too; None otherwise."""
        return self.index if isinstance(self.index, TwoGranularities) else None

    @property
    def listing(self) -> Any:  # noqa: ANN401 - as ``index``
        """The index that lists candidates when all are scored anyway: sentences are then compared once, at the end."""
        return self.index if self.sentences is None else self.sentences.index

    def run(self, k: int, allow: IdSet | None, *, listing: bool = False) -> Hits:
        """Search for all queries."""
        index = self.listing if listing else self.index
        hits: Hits = index.search(self.queries, k, allow=allow, params=self.params)
        return hits

    def alone(self, i: int) -> Search:
        """Return the search with query ``i`` only."""
        return replace(self, queries=self.queries[i : i + 1])

    def score(self, i: int, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what `listing` scores the chunks ``ids`` (ascending) for query ``i``, in their order."""
        hits: Hits = self.listing.search(self.queries[i : i + 1], len(ids), allow=ids, params=self.params)
        scores = np.full(len(ids), self.unlisted, np.float32)
        found, values = hits.row(0)
        scores[np.searchsorted(ids, found)] = values
        return scores


@dataclass(frozen=True, slots=True)
class Background:
    """A random sample of a knowledge base's chunks, and their vectors: float32, shape (n, dim).

    ``sentences`` are the vectors of their sentences, ``owners`` the chunk of each, ascending; None where there are
    none. For the cosine, the vectors are of unit length.
    """

    chunks: IdSet
    vectors: NDArray[np.float32]
    sentences: NDArray[np.float32] | None = None
    owners: NDArray[np.int64] | None = None


def sample(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a random sample of ``ids`` (ascending), ascending; the same for the same ids."""
    if len(ids) <= SAMPLE:
        return ids
    return np.sort(ids[random.Random(_SEED).sample(range(len(ids)), SAMPLE)])  # noqa: S311 - no secret


def background_of(kb: KnowledgeBase, ids: NDArray[np.int64]) -> Background:
    """Return the background of a sample of chunks (ascending)."""
    vectors = kb.vectors(ids.tolist())
    sentences, owners = kb.sentence_vectors(ids.tolist()) if kb.granularity != "chunk" else (None, None)
    if kb.index("dense").metric == "cosine":
        vectors = _unit(vectors)
        sentences = None if sentences is None else _unit(sentences)
    return Background(IdSet(ids), vectors, sentences, owners)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def gather(
    searches: Sequence[Search], n: int, depth: int, allow: IdSet | None, background: Background | None
) -> list[Candidates]:
    """Search for ``n`` questions by all ``searches``, side by side.

    Parameters
    ----------
    depth
        Length of each search's list.
    allow
        Chunks that may be found; None for all.
    background
        Sample to score for comparison. If given, every candidate gets a score from every search; None does neither.
    """
    lists = [search.run(depth, allow, listing=background is not None) for search in searches]
    samples = [None if background is None else _bags(search, background) for search in searches]
    return [_joined(searches, i, [hits.row(i) for hits in lists], samples, depth) for i in range(n)]


def _bags(search: Search, background: Background) -> NDArray[np.float32]:
    """Return the scores of the sample for each query: float32, shape (n_queries, n_sampled), in no order."""
    if search.name == "dense":  # without an index: it need not put them in order
        own = similarities(search.queries, background.vectors, search.index.metric)
        if background.sentences is None or background.owners is None or not len(background.owners):
            return own
        every = similarities(search.queries, background.sentences, search.index.metric)
        first = np.flatnonzero(np.diff(background.owners, prepend=-1))
        mixed: NDArray[np.float32] = search.index.mix(own, np.maximum.reduceat(every, first, axis=1))
        return mixed
    hits = search.run(len(background.chunks), background.chunks)
    return np.where(hits.ids >= 0, hits.scores, np.float32(search.unlisted))


def _joined(
    searches: Sequence[Search], i: int, rows: Sequence[Row], samples: Sequence[NDArray[np.float32] | None], depth: int
) -> Candidates:
    ids = np.unique(np.concatenate([found for found, _ in rows]))
    views = []
    for search, (found, values), bags in zip(searches, rows, samples, strict=True):
        at = np.searchsorted(ids, found)
        ranks = np.zeros(len(ids), np.int64)
        ranks[at] = np.arange(1, len(found) + 1)
        scores = np.full(len(ids), np.nan, np.float32)
        scores[at] = values
        if bags is not None:
            missing = np.flatnonzero(ranks == 0)
            if len(missing):
                scores[missing] = search.score(i, ids[missing])
            if search.sentences is not None and len(ids):
                scores = search.sentences.judged(search.queries[i : i + 1], ids, scores)
                ranks[at[np.lexsort((found, -scores[at]))]] = np.arange(1, len(found) + 1)
        views.append(View(search.name, scores, ranks, np.zeros(0, np.float32) if bags is None else bags[i]))
    return Candidates(ids, tuple(views), exhausted=all(len(found) < depth for found, _ in rows))
