"""Search chunks by their sentences, and by both granularities at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, IdSet, Metric

from .granularity import Granularity, Ids, chunks_of, held_of

SHARES: Mapping[Granularity, float] = MappingProxyType(
    {"chunk": 0.0, "chunk+late": 0.7, "chunk+late+tokens": 0.7, "chunk+sentence": 0.7}
)
"""Share of the best sentence in the mixed score; the rest is the chunk's own. Chosen on training questions of SciFact
and half of SQuAD's articles."""

Scores = NDArray[np.float32]


class BestSentences:
    """Scores chunks by an index of sentence vectors: a chunk scores what its best sentence scores.

    Parameters
    ----------
    index
        Flat ``indexes.DenseIndex`` whose ids are those of `rag.store.granularity.sentence_ids`.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - indexes.DenseIndex
        self.index = index
        self._known: tuple[int, Ids] | None = None

    def scores(self, query: Scores, chunks: Ids) -> Scores:
        """Return the best sentence's score of each of ``chunks`` (ascending) for a query of shape (1, dim).

        NaN for a chunk without any: it is being removed while this search goes on.
        """
        best = np.full(len(chunks), np.nan, np.float32)
        inside = held_of(self._held(), chunks)
        if len(inside):
            own = chunks_of(inside)
            first = np.flatnonzero(np.diff(own, prepend=-1))
            every = self.index.score(query, inside)[0]
            best[np.searchsorted(chunks, own[first])] = np.maximum.reduceat(every, first)
        return best

    def _held(self) -> Ids:
        """Return the ids of the sentences, ascending."""
        generation = self.index.generation
        if self._known is None or self._known[0] != generation:
            self._known = (generation, self.index.ids())
        return self._known[1]


class TwoGranularities:
    """Searches chunks by their own vector and their best sentence's: the score is the weighted mean of both.

    It answers as an index of chunk vectors would, so that a retriever fuses it like any other.

    Parameters
    ----------
    chunks
        ``indexes.DenseIndex`` of the chunks.
    sentences
        Index of the sentences of the same chunks, by the same metric.
    share
        0 to 1: weight of the best sentence.

    Notes
    -----
    The sentences judge what the chunks' own index lists: those of the candidates, and no others, are compared, so they
    cost the search little however many there are. A chunk beyond that list is not found by its sentence alone.
    """

    def __init__(self, chunks: Any, sentences: BestSentences, *, share: float) -> None:  # noqa: ANN401
        self.index = chunks
        self.sentences = sentences
        self.share = share

    @property
    def metric(self) -> Metric:
        """The metric of both."""
        found: Metric = self.index.metric
        return found

    def ids(self) -> Ids:
        """Return the ids of the chunks: int64, ascending."""
        found: Ids = self.index.ids()
        return found

    def search(
        self,
        queries: Scores,
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Mapping[str, float] | None = None,
    ) -> Hits:
        """Find the ``k`` best chunks, as `indexes.DenseIndex.search` does; ``params`` are for the chunks' index."""
        own = self.index.search(queries, k, allow=allow, params=params)
        ids, scores = own.ids.copy(), own.scores.copy()
        for i in range(len(queries)):
            listed, values = own.row(i)
            if not len(listed):
                continue
            order = np.argsort(listed)
            found = listed[order]
            mixed = self.judged(queries[i : i + 1], found, values[order])
            order = np.lexsort((found, -mixed))
            ids[i, : len(found)], scores[i, : len(found)] = found[order], mixed[order]
        return Hits(ids, scores)

    def judged(self, query: Scores, chunks: Ids, own: Scores) -> Scores:
        """Return the mixed scores of ``chunks`` (ascending) for a query of shape (1, dim), from their own scores."""
        best = self.sentences.scores(query, chunks)
        return self.mix(own, np.where(np.isnan(best), own, best))

    def mix(self, own: Scores, best: Scores) -> Scores:
        """Return the mixed scores of chunks, from their own and their best sentences'."""
        return np.asarray((1 - self.share) * own + self.share * best, np.float32)
