"""Results of searches: passages with timings, the record that explains them, and the join of several queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage, Query
from .candidates import Candidates

if TYPE_CHECKING:
    from ..store.records import ChunkRecord

SHOWN = 10
"""Hits of each search whose documents a trace names."""


@dataclass(slots=True)
class SearchTrace:
    """A record of one search, written while it works.

    Attributes
    ----------
    query
        The query.
    candidates
        What the searches listed, and the score that each gives all of them.
    scores
        float64, shape (n,): fused, in the candidates' order.
    parts
        What each search adds to them; None where one search is alone, or the fusion does not tell.
    dropped
        Chunks above the last passage found that were left out, with the reason.
    documents
        The document of each chunk among the best `SHOWN` hits of a search.
    leaning
        Why the searches had another weight than usual; empty where they had not.
    """

    query: Query
    candidates: Candidates
    scores: NDArray[np.float64]
    parts: list[NDArray[np.float64]] | None
    dropped: list[tuple[ChunkRecord, str]]
    documents: dict[int, str]
    leaning: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages of one query, best first, seconds by stage (of a batch, an even share), and the record, if asked for."""

    passages: list[Passage]
    timings: dict[str, float] = field(default_factory=dict)
    trace: SearchTrace | None = None


def listed(ranks: NDArray[np.int64]) -> list[int]:
    """Return the places of a search's best `SHOWN` hits among the candidates, best first."""
    return [i for i in np.argsort(ranks, kind="stable").tolist() if ranks[i] > 0][:SHOWN]


RRF_K = 60.0


def share(weight: float, rank: int) -> float:
    """Return what one query's result adds to the score of the passage at a rank in it."""
    return weight / (RRF_K + rank)


def joined(results: Sequence[tuple[float, SearchResult]], k: int) -> SearchResult:
    """Return the best ``k`` passages of the weighted results of queries, of several by reciprocal rank fusion.

    Results of weight 0 go behind the others, whose places and scores stay.

    References
    ----------
    G. Cormack, C. Clarke and S. Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.
    """
    first = [(weight, found) for weight, found in results if weight]
    if first and len(first) < len(results):
        return _behind(joined(first, k), [found for weight, found in results if not weight], k)
    if len(results) == 1:
        alone = results[0][1]
        return SearchResult(alone.passages[:k], alone.timings)
    scores: dict[int, float] = {}
    best: dict[int, Passage] = {}
    timings: dict[str, float] = {}
    for weight, found in results:
        for rank, passage in enumerate(found.passages, 1):
            scores[passage.chunk] = scores.get(passage.chunk, 0.0) + share(weight, rank)
            best.setdefault(passage.chunk, passage)
        for stage, taken in found.timings.items():
            timings[stage] = timings.get(stage, 0.0) + taken
    order = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:k]
    passages = [
        replace(best[chunk], rank=rank, score=scores[chunk], scores={"fused": best[chunk].score, **best[chunk].scores})
        for rank, chunk in enumerate(order, 1)
    ]
    return SearchResult(passages, timings)


def _behind(first: SearchResult, others: Sequence[SearchResult], k: int) -> SearchResult:
    """Return a result with what others found in addition behind it, ``k`` passages in all."""
    passages, timings = list(first.passages), dict(first.timings)
    there = {passage.chunk for passage in passages}
    for found in others:
        for stage, taken in found.timings.items():
            timings[stage] = timings.get(stage, 0.0) + taken
        for passage in found.passages:
            if passage.chunk not in there and len(passages) < k:
                there.add(passage.chunk)
                score = min(passage.score, passages[-1].score) if passages else passage.score
                passages.append(replace(passage, rank=len(passages) + 1, score=score))
    return SearchResult(passages, timings)
