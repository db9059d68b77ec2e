"""The candidates of a question: the union of the searches' lists, scored by every search."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, IdSet
from indexes.checks import distinct

from ..background import in_background
from ..embedding.sparse_encoder import sparse_encoder
from ..store.contents import terms_encoder
from ..store.sentence_search import TwoGranularities
from ..store.similarities import similarities, unit
from .fusion import View

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

SAMPLE = 512
"""Chunks in the sample from which a search's mean and deviation are estimated; 300 are as good."""

_SEED = 0
_LONG = 200_000
"""Vectors of which a pass over all signs takes a millisecond."""

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
    def is_long(self) -> bool:
        """Whether it takes long outside Python or waiting for a server, so that a thread of its own pays."""
        return getattr(self.listing, "scans", False) and len(self.listing) >= _LONG

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
        one: NDArray[np.float32] = self.scores(self.queries[i : i + 1], ids)[0]
        return one

    def scores(self, queries: Any, ids: NDArray[np.int64]) -> NDArray[np.float32]:  # noqa: ANN401 - as ``queries``
        """Return what `listing` scores the chunks ``ids`` (ascending): float32, shape (n_queries, n)."""
        index = self.listing
        scores: NDArray[np.float32]
        if hasattr(index, "score"):
            scores = index.score(queries, ids, params=self.params)
        else:  # an engine of the caller's own, or several knowledge bases joined: they only search
            scores = index.search(queries, len(ids), allow=ids, params=self.params).scores_of(ids)
        scores[np.isnan(scores)] = self.unlisted
        return scores


@dataclass(frozen=True, slots=True)
class Background:
    """A random sample of a knowledge base's chunks, and their vectors: float32, shape (n, dim).

    ``sentences`` are the vectors of their sentences, ``starts`` the first of each chunk's; None where there are none.
    For the cosine, the vectors are of unit length.
    """

    chunks: IdSet
    vectors: NDArray[np.float32]
    sentences: NDArray[np.float32] | None = None
    starts: NDArray[np.int64] | None = None


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
        vectors = unit(vectors)
        sentences = None if sentences is None else unit(sentences)
    starts = None if owners is None else np.flatnonzero(np.diff(owners, prepend=-1))
    return Background(IdSet(ids), vectors, sentences, starts)


def encoded(kb: KnowledgeBase, texts: Sequence[str]) -> list[dict[str, float]] | None:
    """Return questions as the model of the knowledge base's index of terms weighs them; None if it has no such model.

    The terms of such an index are the model's: those of the analyser find nothing in it.
    """
    encoder = terms_encoder(kb.indexes)
    return sparse_encoder(encoder).encode_queries(texts) if encoder else None


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
    lists = _lists(searches, depth, allow, listing=background is not None)
    samples = [None if background is None else _bags(search, background) for search in searches]
    return [_joined(searches, i, [hits.row(i) for hits in lists], samples, depth) for i in range(n)]


def _lists(searches: Sequence[Search], depth: int, allow: IdSet | None, *, listing: bool) -> list[Hits]:
    """Return each search's list, the long ones of several found at the same time as the others."""

    def found(search: Search) -> Hits:
        return search.run(depth, allow, listing=listing)

    apart = {i: in_background(partial(found, s)) for i, s in enumerate(searches[:-1]) if s.is_long}
    own = {i: found(search) for i, search in enumerate(searches) if i not in apart}
    return [own[i] if i in own else apart[i].result() for i in range(len(searches))]


def _bags(search: Search, background: Background) -> NDArray[np.float32]:
    """Return the scores of the sample for each query: float32, shape (n_queries, n_sampled), in no order."""
    if search.name == "dense":
        return dense_scores(search.index, search.queries, background)
    return search.scores(search.queries, background.chunks.ids)


def dense_scores(index: Any, queries: NDArray[np.float32], background: Background) -> NDArray[np.float32]:  # noqa: ANN401
    """Return an index's scores of the sample's chunks for each query, without it: it need not put them in order."""
    own = similarities(queries, background.vectors, index.metric)
    if background.sentences is None or background.starts is None or not len(background.starts):
        return own
    every = similarities(queries, background.sentences, index.metric)
    mixed: NDArray[np.float32] = index.mix(own, np.maximum.reduceat(every, background.starts, axis=1))
    return mixed


def _joined(
    searches: Sequence[Search], i: int, rows: Sequence[Row], samples: Sequence[NDArray[np.float32] | None], depth: int
) -> Candidates:
    ids = distinct(np.concatenate([found for found, _ in rows]))
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
