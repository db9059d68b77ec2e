"""The stage that reranks: how many passages go in and come out, the deadline, and what a failure leaves."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..deadlines import within
from ..documents import Passage
from ..errors import InvalidInput, OutOfTime, PartFailed, in_words
from .protocol import Reranker

log = logging.getLogger(__name__)

TOP_K_IN = 30
DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Move:
    """Where the rerankers put a passage: ranks from 1, of the chunk ``chunk``."""

    chunk: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Reranked:
    """What a reranking did.

    Attributes
    ----------
    passages
        Best first, numbered anew. ``score`` is the last reranker's; ``scores`` keeps ``fused`` (the search's own) and
        each reranker's by name.
    moves
        Of every passage that came in, in the new order: those whose rank is beyond what is returned fell out.
    failure
        Why rerankers were left out, in words; empty when all went well. The order is then that of those that worked.
    seconds
        By reranker.
    """

    passages: list[Passage]
    moves: tuple[Move, ...] = ()
    failure: str = ""
    seconds: tuple[tuple[str, float], ...] = ()


class Reranking:
    """Rerankers one after another, each over what the one before left.

    It fails open: a reranker that raises, stalls or returns nonsense is left out, and the result is marked.

    Parameters
    ----------
    rerankers
        In the order of use.
    top_k_in
        Passages that are reranked, the best of the search; where a question asks for more, the others follow.
    top_k_out
        Passages that come out, at most; None for as many as the question asks for.
    deadline
        Seconds for all of them together; None for no limit.
    """

    def __init__(
        self,
        rerankers: Sequence[Reranker],
        *,
        top_k_in: int = TOP_K_IN,
        top_k_out: int | None = None,
        deadline: float | None = DEADLINE_S,
    ) -> None:
        if top_k_in < 1 or (top_k_out is not None and top_k_out < 1):
            raise InvalidInput(f"top_k_in={top_k_in}, top_k_out={top_k_out}: give whole numbers, 1 or more")
        if deadline is not None and not deadline > 0:
            raise InvalidInput(f"deadline={deadline}: give seconds above 0, or None for no limit")
        self.rerankers = tuple(rerankers)
        self.top_k_in = top_k_in
        self.top_k_out = top_k_out
        self.deadline = deadline

    def __repr__(self) -> str:
        return f"Reranking({'+'.join(each.name for each in self.rerankers)})"

    def wanted(self, k: int) -> int:
        """Return how many passages to search for, where ``k`` are asked for."""
        return max(self.top_k_in, k)

    def run(self, question: str, passages: Sequence[Passage], k: int) -> Reranked:
        """Rerank passages, best first, and return the best ``k``."""
        start = time.perf_counter()
        current, rest = list(passages[: self.top_k_in]), list(passages[self.top_k_in :])
        failures, seconds = [], []
        for reranker in self.rerankers if len(current) > 1 else ():
            begun = time.perf_counter()
            left = None if self.deadline is None else self.deadline - (begun - start)
            try:
                current = _ordered(reranker, question, current, left)
            except Exception as error:  # noqa: BLE001 - whatever a reranker raises, the search's order remains
                failures.append(f"{reranker.name} was left out: {in_words(error)}")
                log.info("reranker %s", failures[-1])  # the caller is told by `failure`
            seconds.append((reranker.name, time.perf_counter() - begun))
        before = {passage.chunk: rank for rank, passage in enumerate(passages, 1)}
        order = [*current, *_below(current, rest)]
        moves = tuple(Move(passage.chunk, before[passage.chunk], rank) for rank, passage in enumerate(order, 1))
        kept = order[: min(k, self.top_k_out or k)]
        final = [replace(passage, rank=rank) for rank, passage in enumerate(kept, 1)]
        return Reranked(final, moves, "; ".join(failures), tuple(seconds))


def _ordered(reranker: Reranker, question: str, passages: list[Passage], seconds: float | None) -> list[Passage]:
    """Return the passages in the reranker's order; equal scores keep theirs."""
    if seconds is not None and seconds <= 0:
        raise OutOfTime("no time was left for it")
    scores = within(seconds, lambda: reranker.score(question, tuple(passages), deadline=seconds))
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
