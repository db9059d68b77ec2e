"""Searching chunks by their sentences, and by both granularities at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Hits, IdSet, Metric

from .granularity import Granularity, Ids, chunks_of, held_of

SHARES: Mapping[Granularity, float] = MappingProxyType({"chunk": 0.0, "chunk+late": 0.5, "chunk+sentence": 0.7})
"""Of the best sentence in the mixed score; the rest is the chunk's own. Chosen on SciFact's training questions and half
of SQuAD's articles: a vector that was read in its context is nearer to the chunk's and deserves less."""

Scores = NDArray[np.float32]


class BestSentences:
    """Searches an index of sentence vectors for chunks: a chunk scores what its best sentence scores.

    Parameters
    ----------
    index
        ``indexes.DenseIndex`` whose ids are those of `rag.granularity.sentence_ids`; its engine, metric and parameters
        are used as they are.
    """

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - indexes.DenseIndex
        self.index = index
        self._known: tuple[int, Ids, int] | None = None

    def search(self, queries: Scores, k: int, *, allow: IdSet | Ids | None = None, enough: int | None = None) -> Hits:
        """Find the ``k`` chunks with the best sentences: ids are chunk ids, as `indexes.DenseIndex.search` gives them.

        Sentences are asked for until there are ``enough`` chunks among them (``k`` where None): then the result is
        that of scoring all chunks, where the engine is exact.
        """
        held, most = self._table()
        inside = None if allow is None else IdSet(held_of(held, allow.ids if isinstance(allow, IdSet) else allow))
        total = len(held) if inside is None else len(inside)
        ids = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        waiting = np.arange(len(queries)) if total else np.zeros(0, np.int64)
        depth = min(total, 2 * k + most)
        while len(waiting):
            hits = self.index.search(queries[waiting], depth, allow=inside)
            again = []
            for row, at in enumerate(waiting.tolist()):
                best, values = _best(*hits.row(row))
                if len(best) < (k if enough is None else enough) and depth < total:
                    again.append(at)
                else:
                    best, values = best[:k], values[:k]
                    ids[at, : len(best)], scores[at, : len(best)] = best, values
            waiting, depth = np.asarray(again, np.int64), min(total, 3 * depth)
        return Hits(ids, scores)

    def _table(self) -> tuple[Ids, int]:
        """Return the ids of the sentences, ascending, and the greatest number of sentences in a chunk."""
        generation = self.index.generation
        if self._known is None or self._known[0] != generation:
            held = self.index.ids()
            counts = np.unique(chunks_of(held), return_counts=True)[1]
            self._known = (generation, held, int(counts.max(initial=1)))
        return self._known[1:]


def _best(ids: Ids, scores: Scores) -> tuple[Ids, Scores]:
    """Return each chunk once, with its best sentence's score, best first; equal scores by ascending chunk."""
    chunks, at = np.unique(chunks_of(ids), return_index=True)  # the first of each is its best
    order = np.lexsort((chunks, -scores[at]))
    return chunks[order], scores[at][order]


class TwoGranularities:
    """Searches chunks by their own vector and their best sentence's: the score is the weighted mean of both.

    It answers as an index of chunk vectors would, so that a retriever fuses it like any other.

    Parameters
    ----------
    chunks
        ``indexes.DenseIndex`` of the chunks.
    sentences
        Of the same chunks' sentences, by the same metric.
    share
        0 to 1: weight of the best sentence.

    Notes
    -----
    A result is made of what both searches list, each ``k`` long: every chunk listed gets both scores, so none is
    guessed; one that is middling in both lists may be missed.
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
        best = self.sentences.search(queries, k, allow=allow, enough=k // 2)
        ids = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        for i in range(len(queries)):
            found, values = self._mixed(queries[i : i + 1], own.row(i), best.row(i))
            order = np.lexsort((found, -values))[:k]
            ids[i, : len(order)], scores[i, : len(order)] = found[order], values[order]
        return Hits(ids, scores)

    def _mixed(self, query: Scores, own: tuple[Ids, Scores], best: tuple[Ids, Scores]) -> tuple[Ids, Scores]:
        ids = np.union1d(own[0], best[0])
        parts = []
        for (found, values), search in ((own, self.index.search), (best, self.sentences.search)):
            scores = np.full(len(ids), np.nan, np.float32)
            scores[np.searchsorted(ids, found)] = values
            missing = ids[np.isnan(scores)]
            if len(missing):
                others, theirs = search(query, len(missing), allow=missing).row(0)
                scores[np.searchsorted(ids, others)] = theirs
            parts.append(scores)
        return ids, self.mix(parts[0], parts[1])

    def mix(self, own: Scores, best: Scores) -> Scores:
        """Return the mixed scores of chunks, from their own and their best sentences'."""
        return np.asarray((1 - self.share) * own + self.share * best, np.float32)
