"""A token budget, filled with the most relevant passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..embedding.protocol import Embedder
from ..errors import InvalidInput
from ..reranking.stage import standard
from ..sentences import sentences

Count = Callable[[str], int]


class TokenBudget:
    """Keeps the passages that are worth most together and fit the budget; the best one always stays.

    A passage is worth ``2 ** s``, with ``s`` its score in standard deviations from the mean of all: one that is a
    deviation better is worth two. Among all sets that fit, the one worth most is found exactly (0/1 knapsack). Where
    not even the best passage fits, it is cut after its last whole sentence that does.

    Parameters
    ----------
    embedder
        Its tokenizer counts, where ``count`` is not given.
    tokens
        The budget.
    overhead
        Tokens that a prompt adds to each passage: its number, its source.
    count
        Counts a text's tokens by the tokenizer of the model that will read it.
    """

    def __init__(
        self, embedder: Embedder, *, tokens: int = 2000, overhead: int = 16, count: Count | None = None
    ) -> None:
        if tokens < 1 or overhead < 0:
            raise InvalidInput(
                f"tokens={tokens}, overhead={overhead}: give a budget of 1 or more, an overhead of 0 or more"
            )
        self.name = "budget"
        self.why = "did not fit the budget"
        self.tokens = tokens
        self.overhead = overhead
        tokenizer = embedder.tokenizer
        self._count: Count = count or (lambda text: len(tokenizer.offsets([text])[0]))

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002 - the same for any
        """Return those that fit, in the order given."""
        costs = np.array([self._count(p.text) + self.overhead for p in passages])
        if costs.sum() <= self.tokens:
            return list(passages)
        best = min(range(len(passages)), key=lambda i: passages[i].rank)
        left = self.tokens - int(costs[best])
        if left < 0:
            return [self._cut(passages[best])]
        others = [i for i in range(len(passages)) if i != best]
        worth = np.exp2(standard([p.score for p in passages]))
        kept = {best, *(others[i] for i in knapsack(costs[others], worth[others], left))}
        return [passage for i, passage in enumerate(passages) if i in kept]

    def _cut(self, passage: Passage) -> Passage:
        """Cut a passage after its last sentence that fits; after its last word that does where none does."""
        ends = [end for _, end in sentences(passage.text)]
        words = [i for i in range(1, len(passage.text)) if passage.text[i].isspace()]
        for places in (ends, words):
            low, high = 0, len(places)
            while low < high:  # more text never has fewer tokens
                middle = (low + high + 1) // 2
                if self._count(passage.text[: places[middle - 1]]) + self.overhead <= self.tokens:
                    low = middle
                else:
                    high = middle - 1
            if low:
                text = passage.text[: places[low - 1]]
                return replace(passage, text=text, end=passage.start + len(text))
        return replace(passage, text="", end=passage.start)


def knapsack(costs: NDArray[np.int64], worth: NDArray[np.float64], budget: int) -> list[int]:
    """Return the items, ascending, that are worth most together at a cost of at most ``budget``.

    Parameters
    ----------
    costs
        Whole numbers above 0, shape (n,).
    worth
        Above 0, shape (n,).

    Notes
    -----
    Dynamic programming over costs: time and memory are n times the budget.
    """
    best = np.zeros(budget + 1)
    taken = np.zeros((len(costs), budget + 1), np.bool_)
    for i, (cost, value) in enumerate(zip(costs.tolist(), worth.tolist(), strict=True)):
        if cost > budget:
            continue
        with_it = best[: budget + 1 - cost] + value
        better = with_it > best[cost:]
        taken[i, cost:] = better
        best[cost:] = np.where(better, with_it, best[cost:])
    found, left = [], budget
    for i in range(len(costs) - 1, -1, -1):
        if taken[i, left]:
            found.append(i)
            left -= int(costs[i])
    return found[::-1]
