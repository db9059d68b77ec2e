"""An explanation of a retrieval: the queries, hits, fusion arithmetic, moves and losses that its stages recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .results import SearchResult, SearchTrace, listed, share

if TYPE_CHECKING:
    from ..context.stage import Built
    from ..documents.document import Passage
    from ..reranking.stage import Move, Reranked
    from ..rewriting.stage import Step


@dataclass(frozen=True, slots=True)
class Hit:
    """The score and rank that one search gives one chunk.

    Attributes
    ----------
    rank
        In the search's own list, from 1; 0 where it did not list the chunk.
    score
        The search's own; None where it was not asked.
    adds
        To the fused score; None where the fusion does not tell.
    """

    chunk: int
    document: str
    rank: int
    score: float | None
    adds: float | None


@dataclass(frozen=True, slots=True)
class ExplainedQuery:
    """One query: its text, its weight among the queries, the best hits of each search, and what was dropped.

    ``leaning`` says why the searches had another weight than usual; it is empty where they had not.
    """

    text: str
    weight: float
    terms: tuple[str, ...]
    hits: tuple[tuple[str, tuple[Hit, ...]], ...]
    background: tuple[tuple[str, float, float], ...]
    dropped: tuple[tuple[int, str, str], ...]
    leaning: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedPassage:
    """A passage that was returned, and how it came to its score.

    Attributes
    ----------
    score
        From the last stage that scored it: the last reranker, the join of several queries, or the fusion.
    fused
        What the searches add for the first query, summed; None where that query's searches did not meet the passage.
    hits
        Each search's say in it, for the first query.
    queries
        (number of the query, rank in its result, what that adds to ``joined``), where there were several queries.
    joined
        The sum of these; None where there was one query.
    reranked
        Each reranker's score, in the order of use.
    """

    rank: int
    chunk: int
    document: str
    start: int
    end: int
    score: float
    fused: float | None
    hits: tuple[tuple[str, Hit], ...]
    queries: tuple[tuple[int, int, float], ...]
    joined: float | None
    reranked: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a question came to its passages.

    Attributes
    ----------
    pipeline
        Digest of the pipeline value.
    question
        As asked.
    fusion
        What joined the searches.
    rewriting
        What each rewriter did.
    queries
        What was searched for.
    moves
        Ranks before and after the rerankers, of all that they looked at.
    dropped
        (chunk, document, why) that the context left out.
    passages
        What came of it.
    notes
        What failed and was left out.
    seconds
        By stage.
    """

    pipeline: str
    question: str
    fusion: str
    rewriting: tuple[Step, ...]
    queries: tuple[ExplainedQuery, ...]
    moves: tuple[Move, ...]
    dropped: tuple[tuple[int, str, str], ...]
    passages: tuple[ExplainedPassage, ...]
    notes: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation for JSON."""
        return {**asdict(self), "pipeline": {"digest": self.pipeline}}


def explanation(
    passages: Sequence[Passage],
    *,
    pipeline: str,
    question: str,
    fusion: str,
    steps: Sequence[Step],
    results: Sequence[tuple[float, SearchResult]],
    ranked: Sequence[Passage],
    reranked: Reranked | None,
    built: Built | None,
    notes: tuple[str, ...],
    timings: Mapping[str, float],
) -> Explanation:
    """Return the explanation of a retrieval from the records of its stages.

    Parameters
    ----------
    passages
        The result, best first.
    results
        The weight of each query, and the result of its search with its trace.
    ranked
        The passages as the search stage ordered them, before reranking.
    """
    traces = [(weight, found, found.trace) for weight, found in results if found.trace is not None]
    order = {passage.chunk: passage for passage in ranked}
    rerankers = tuple(name for name, _ in reranked.seconds) if reranked is not None else ()
    return Explanation(
        pipeline,
        question,
        fusion,
        tuple(steps),
        tuple(_query(weight, trace) for weight, _, trace in traces),
        reranked.moves if reranked is not None else (),
        tuple((passage.chunk, passage.document, why) for passage, why in built.dropped) if built is not None else (),
        tuple(_passage(p, traces, order.get(p.chunk), rerankers) for p in passages),
        notes,
        tuple(timings.items()),
    )


def _passage(
    passage: Passage,
    traces: Sequence[tuple[float, SearchResult, SearchTrace]],
    ranked: Passage | None,
    rerankers: Sequence[str],
) -> ExplainedPassage:
    shares = []
    fused = sum(weight > 0 for weight, _, _ in traces) > 1  # one of weight 0 only goes behind
    for number, (weight, found, _) in enumerate(traces if fused else (), 1):
        ranks = [each.rank for each in found.passages if each.chunk == passage.chunk]
        shares += [(number, rank, share(weight, rank)) for rank in ranks]
    first = traces[0][2]
    at = np.flatnonzero(first.candidates.ids == passage.chunk).tolist()
    views = enumerate(first.candidates.views)
    return ExplainedPassage(
        passage.rank,
        passage.chunk,
        passage.document,
        passage.start,
        passage.end,
        passage.score,
        float(first.scores[at[0]]) if at else None,
        tuple((view.name, _hit(first, number, at[0], passage.document)) for number, view in views) if at else (),
        tuple(shares),
        ranked.score if shares and ranked is not None else None,
        tuple((name, passage.scores[name]) for name in rerankers if name in passage.scores),
    )


def _query(weight: float, trace: SearchTrace) -> ExplainedQuery:
    lists, background = [], []
    for number, view in enumerate(trace.candidates.views):
        hits = tuple(_hit(trace, number, i, trace.documents[int(trace.candidates.ids[i])]) for i in listed(view.ranks))
        lists.append((view.name, hits))
        if len(view.background):
            background.append((view.name, float(view.background.mean()), float(view.background.std())))
    terms = tuple(trace.query.terms or ())
    dropped = tuple((record.id, record.document, reason) for record, reason in trace.dropped)
    return ExplainedQuery(trace.query.text, weight, terms, tuple(lists), tuple(background), dropped, trace.leaning)


def _hit(trace: SearchTrace, number: int, at: int, document: str) -> Hit:
    view = trace.candidates.views[number]
    score = float(view.scores[at])
    adds = float(trace.parts[number][at]) if trace.parts is not None else None
    return Hit(int(trace.candidates.ids[at]), document, int(view.ranks[at]), None if np.isnan(score) else score, adds)
