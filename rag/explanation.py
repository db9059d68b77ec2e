"""Why a question found what it found: queries made, hits, the arithmetic of the fusion, what moved and what went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidInput
from .query import Query, as_query
from .retriever import Retriever, Trace

if TYPE_CHECKING:
    from .filters import Filter
    from .refining import RefinedRetriever
    from .reranking.stage import Move
    from .rewriting.stage import Rewritten, Step
    from .searching import Searcher

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
    """A passage that was returned: where it stands, its score, and each search's say in it."""

    rank: int
    chunk: int
    document: str
    start: int
    end: int
    score: float
    hits: tuple[tuple[str, Hit], ...]


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
        Ranks before and after the rerankers.
    dropped
        (chunk, step) that the context left out.
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
    dropped: tuple[tuple[int, str], ...]
    passages: tuple[Placed, ...]
    notes: tuple[str, ...]
    seconds: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation for JSON."""
        return asdict(self)


def explain(
    retriever: Searcher, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
) -> Explanation:
    """Ask a question as ``retriever.search`` does, and say how its passages came about.

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
    from .memory.recalling import RememberingRetriever
    from .refining import RefinedRetriever
    from .rewriting.retriever import RewritingRetriever

    query = as_query(question)
    wanted = retriever.k if k is None else k
    refined: RefinedRetriever | None = None
    layer: Any = retriever
    memory: RememberingRetriever | None = None
    if isinstance(layer, RememberingRetriever):
        memory, layer = layer, layer.retriever
        query = memory.with_history([query])[0]
    if isinstance(layer, RefinedRetriever):
        refined, layer = layer, layer.retriever
    rewriter: RewritingRetriever | None = None
    rewritten: Rewritten | None = None
    if isinstance(layer, RewritingRetriever):
        rewriter, layer = layer, layer.retriever
        rewritten = rewriter.rewrite(query)
    if not isinstance(layer, Retriever):
        raise InvalidInput(f"a {type(layer).__name__} cannot be explained; give the retriever below it")
    deep = wanted if refined is None or refined.reranking is None else refined.reranking.wanted(wanted)
    queries = rewritten.queries if rewritten is not None else ((query, 1.0),)
    traces = [layer.trace(each, deep if len(queries) == 1 else 3 * deep, where=where) for each, _ in queries]
    if rewritten is not None and rewriter is not None and len(queries) == 1:
        seen = layer.search(queries[0][0], rewriter.depth(deep), where=where)
        rewritten = rewriter.after(rewritten, seen.passages)
        traces += [layer.trace(each, 3 * deep, where=where) for each, _ in rewritten.queries[1:]]
        queries = rewritten.queries
    found = retriever.search(query, wanted, where=where)
    refinement = None
    if refined is not None:
        refinement = refined.refine(refined.retriever.search(query, deep, where=where), wanted)
        told = refinement.retrieval if memory is None else memory.joined(refinement.retrieval)
        found = replace(told, timings=found.timings)
    moves = refinement.reranked.moves if refinement is not None and refinement.reranked is not None else ()
    built = refinement.built if refinement is not None else None
    return Explanation(
        query.text,
        repr(layer.fusion),
        rewritten.steps if rewritten is not None else (),
        tuple(_searched(trace, weight) for trace, (_, weight) in zip(traces, queries, strict=True)),
        moves,
        built.dropped if built is not None else (),
        tuple(
            Placed(p.rank, p.chunk, p.document, p.start, p.end, p.score, tuple(_says(traces[0], p.chunk, p.document)))
            for p in found.passages
        ),
        found.notes,
        tuple(found.timings.items()),
    )


def _searched(trace: Trace, weight: float) -> Searched:
    names = {p.chunk: p.document for p in trace.found.passages}
    names |= {record.id: record.document for record, _ in trace.dropped}
    lists, background = [], []
    for number, view in enumerate(trace.candidates.views):
        listed = [i for i in np.argsort(view.ranks, kind="stable").tolist() if view.ranks[i] > 0][:LISTED]
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
