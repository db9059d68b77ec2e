"""The reranking stage: rerankers one after another, each over the passages that the one before ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..deadlines import Deadline
from ..documents.document import Passage
from ..errors import PartFailed
from ..stages import tried
from .protocol import Reranker


@dataclass(frozen=True, slots=True)
class Move:
    """Where the rerankers put a passage: ranks from 1, of the chunk ``chunk``."""

    chunk: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Reranked:
    """The outcome of reranking.

    Attributes
    ----------
    passages
        Best first, numbered anew. ``score`` is the last reranker's; ``scores`` keeps ``fused`` (the search's own) and
        each reranker's by name.
    moves
        Of every passage that came in, in the new order: those whose rank is beyond what is returned fell out.
    notes
        Why rerankers were left out, in words; the order is then that of those that worked.
    seconds
        By reranker.
    """

    passages: list[Passage]
    moves: tuple[Move, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()


class Reranking:
    """Rerankers in the order of use; one that raises, stalls or returns nonsense is left out and noted.

    Parameters
    ----------
    rerankers
        In the order of use.
    top_k_in
        Passages that are reranked, the best of the search; where a question asks for more, the others follow.
    """

    def __init__(self, rerankers: Sequence[Reranker], *, top_k_in: int = 30) -> None:
        self.rerankers = tuple(rerankers)
        self.top_k_in = top_k_in

    def run(self, question: str, passages: Sequence[Passage], k: int, until: Deadline) -> Reranked:
        """Rerank passages, best first, and return the best ``k``; ``until`` is the deadline of all rerankers."""
        current, rest = list(passages[: self.top_k_in]), list(passages[self.top_k_in :])
        notes, seconds = [], []
        for reranker in self.rerankers if len(current) > 1 else ():
            done = tried(reranker.name, partial(_ordered, reranker, question, current, until), until)
            current = done.value or current
            notes += [done.note] if done.note else []
            seconds.append((reranker.name, done.seconds))
        before = {passage.chunk: rank for rank, passage in enumerate(passages, 1)}
        order = [*current, *_below(current, rest)]
        moves = tuple(Move(passage.chunk, before[passage.chunk], rank) for rank, passage in enumerate(order, 1))
        final = [replace(passage, rank=rank) for rank, passage in enumerate(order[:k], 1)]
        return Reranked(final, moves, tuple(notes), tuple(seconds))


def _ordered(reranker: Reranker, question: str, passages: list[Passage], until: Deadline) -> list[Passage]:
    """Return the passages in the reranker's order; equal scores keep theirs."""
    scores = reranker.score(question, tuple(passages), deadline=until.remaining)
    checked = np.asarray(scores, np.float64)
    if checked.shape != (len(passages),) or not np.isfinite(checked).all():
        raise PartFailed(f"it gave scores of shape {checked.shape} for {len(passages)} passages, or not finite ones")
    order = np.argsort(-checked, kind="stable")
    return [_scored(passages[i], reranker.name, float(checked[i])) for i in order.tolist()]


def _scored(passage: Passage, name: str, score: float) -> Passage:
    return replace(passage, score=score, scores={"fused": passage.score, **passage.scores, name: score})


def _below(reranked: Sequence[Passage], rest: Sequence[Passage]) -> list[Passage]:
    """Give the passages that were not reranked scores below those that were, in their order."""
    scores = [passage.score for passage in reranked]
    worst = min(scores, default=0.0)
    if not rest or rest[0].score < worst:  # nothing was reranked, or the scores are in order as they are
        return list(rest)
    return [replace(p, score=worst - n, scores={"fused": p.score, **p.scores}) for n, p in enumerate(rest, 1)]


def standard(scores: Sequence[float]) -> NDArray[np.float64]:
    """Return scores as standard deviations from their mean; zeros where they do not differ."""
    values = np.asarray(scores, np.float64)
    deviation = float(values.std()) if len(values) else 0.0
    if not deviation > 1e-12 * float(np.abs(values).max(initial=0)):
        return np.zeros(len(values))
    result: NDArray[np.float64] = (values - values.mean()) / deviation
    return result
