"""Why a question found what it found: queries made, hits, the arithmetic of the fusion, what moved and what went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..documents import Query, as_query
from ..errors import InvalidInput
from .hybrid import Retrieval, Retriever, Trace

if TYPE_CHECKING:
    from ..documents import Passage
    from ..filters import Filter
    from ..reranking.stage import Move
    from ..rewriting.retriever import RewritingRetriever
    from ..rewriting.stage import Step
    from ..searching import Searcher

LISTED = 10


@dataclass(frozen=True, slots=True)
class Hit:
    """What one search says of one chunk.

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
class Searched:
    """One query: its text, its weight among the queries, the best hits of each search, and what was dropped."""

    text: str
    weight: float
    terms: tuple[str, ...]
    hits: tuple[tuple[str, tuple[Hit, ...]], ...]
    background: tuple[tuple[str, float, float], ...]
    dropped: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A passage that was returned, and how it came to its score.

    Attributes
    ----------
    score
        The last word: of the last reranker, of the join of several queries, or of the fusion.
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

    question: str
    fusion: str
    rewriting: tuple[Step, ...]
    queries: tuple[Searched, ...]
    moves: tuple[Move, ...]
    dropped: tuple[tuple[int, str, str], ...]
    passages: tuple[Placed, ...]
    notes: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation for JSON."""
        return asdict(self)


def explain(
    retriever: Searcher, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
) -> Explanation:
    """Ask a question as ``retriever.search`` does, and say how its passages came about; models are asked once.

    Parameters
    ----------
    retriever
        A `Retriever`, or one with rewriting before it, reranking and context behind it, and a memory behind these.
    question, k, where
        As in `Retriever.search`.

    Raises
    ------
    InvalidInput
        The question is empty, or the retriever is of another kind.
    """
    from ..memory.recalling import RememberingRetriever
    from ..rewriting.retriever import RewritingRetriever
    from .retriever import RefinedRetriever

    query = as_query(question)
    wanted = retriever.k if k is None else k
    layer: Any = retriever
    memory = refined = rewriter = None
    if isinstance(layer, RememberingRetriever):
        memory, layer = layer, layer.retriever
        query = memory.with_history([query])[0]
    if isinstance(layer, RefinedRetriever):
        refined, layer = layer, layer.retriever
    if isinstance(layer, RewritingRetriever):
        rewriter, layer = layer, layer.retriever
    if not isinstance(layer, Retriever):
        raise InvalidInput(f"a {type(layer).__name__} cannot be explained; give the retriever below it")
    deep = wanted if refined is None or refined.reranking is None else refined.reranking.wanted(wanted)
    steps, weights, traces, found = _asked(layer, rewriter, query, deep, where)
    order = {passage.chunk: passage for passage in found.passages}
    reranked = built = None
    if refined is not None:
        refinement = refined.refine(found, wanted)
        found, reranked, built = refinement.retrieval, refinement.reranked, refinement.built
    if memory is not None:
        found = memory.joined(found)
    rerankers = tuple(name for name, _ in reranked.seconds) if reranked is not None else ()
    return Explanation(
        query.text,
        repr(layer.fusion),
        steps,
        tuple(_searched(layer, trace, weight) for trace, weight in zip(traces, weights, strict=True)),
        reranked.moves if reranked is not None else (),
        tuple((passage.chunk, passage.document, why) for passage, why in built.dropped) if built is not None else (),
        tuple(_placed(p, traces, weights, order.get(p.chunk), rerankers) for p in found.passages),
        found.notes,
        tuple(found.timings.items()),
    )


def _asked(
    layer: Retriever, rewriter: RewritingRetriever | None, query: Query, k: int, where: str | Filter | None
) -> tuple[tuple[Step, ...], list[float], list[Trace], Retrieval]:
    """Return what rewriters did, each query's weight and trace, and what came of all of them."""
    if rewriter is None:
        trace = layer.trace(query, k, where=where)
        return (), [1.0], [trace], trace.found
    from ..rewriting.retriever import DEEPER

    start = time.perf_counter()
    done = rewriter.rewrite(query)
    depth = rewriter.depth(k) if len(done.queries) == 1 else DEEPER * k
    taken = time.perf_counter() - start
    traces = [layer.trace(each, depth, where=where) for each, _ in done.queries]
    if len(traces) == 1:
        start = time.perf_counter()
        done = rewriter.after(done, traces[0].found.passages)
        taken += time.perf_counter() - start
        traces += [layer.trace(each, DEEPER * k, where=where) for each, _ in done.queries[1:]]
    one = rewriter.joined(done, [trace.found for trace in traces], k)
    found = replace(one, timings={"rewrite": taken, **one.timings}, notes=(*done.notes, *one.notes))
    return done.steps, [weight for _, weight in done.queries], traces, found


def _placed(
    passage: Passage, traces: Sequence[Trace], weights: Sequence[float], found: Passage | None, rerankers: Sequence[str]
) -> Placed:
    """Say how a passage came to its score; ``found`` is what the search had made of it."""
    from ..rewriting.retriever import share

    hits = tuple(_says(traces[0], passage.chunk, passage.document))
    shares = []
    for number, (trace, weight) in enumerate(zip(traces, weights, strict=True) if len(traces) > 1 else (), 1):
        ranks = [each.rank for each in trace.found.passages if each.chunk == passage.chunk]
        shares += [(number, rank, share(weight, rank)) for rank in ranks]
    at = np.flatnonzero(traces[0].candidates.ids == passage.chunk)
    return Placed(
        passage.rank,
        passage.chunk,
        passage.document,
        passage.start,
        passage.end,
        passage.score,
        float(traces[0].scores[at[0]]) if len(at) else None,
        hits,
        tuple(shares),
        found.score if shares and found is not None else None,
        tuple((name, passage.scores[name]) for name in rerankers if name in passage.scores),
    )


def _searched(layer: Retriever, trace: Trace, weight: float) -> Searched:
    lists, background = [], []
    for number, view in enumerate(trace.candidates.views):
        listed = [i for i in np.argsort(view.ranks, kind="stable").tolist() if view.ranks[i] > 0][:LISTED]
        records = layer.kb.chunks(trace.candidates.ids[listed].tolist())
        names = {record.id: record.document for record in records}
        lists.append((view.name, tuple(_hit(trace, number, i, names) for i in listed)))
        if len(view.background):
            background.append((view.name, float(view.background.mean()), float(view.background.std())))
    terms = tuple(trace.query.terms or ())
    dropped = tuple((record.id, record.document, reason) for record, reason in trace.dropped)
    return Searched(trace.query.text, weight, terms, tuple(lists), tuple(background), dropped)


def _says(trace: Trace, chunk: int, document: str) -> Sequence[tuple[str, Hit]]:
    at = np.flatnonzero(trace.candidates.ids == chunk)
    if not len(at):
        return []
    views = enumerate(trace.candidates.views)
    return [(view.name, _hit(trace, number, int(at[0]), {chunk: document})) for number, view in views]


def _hit(trace: Trace, number: int, at: int, names: dict[int, str]) -> Hit:
    view, chunk = trace.candidates.views[number], int(trace.candidates.ids[at])
    score = float(view.scores[at])
    adds = float(trace.parts[number][at]) if trace.parts is not None else None
    return Hit(chunk, names.get(chunk, ""), int(view.ranks[at]), None if np.isnan(score) else score, adds)
