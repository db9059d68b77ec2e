"""Fit a conversation into a model's context: the newest turns and the best passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import InvalidInput
from ..llm.language_model import Message

Count = Callable[[str], int]
_PER_MESSAGE = 8
"""Approximate tokens that a chat template adds to a message."""


def size(messages: Sequence[Message], count: Count) -> int:
    """Count the tokens of messages, their roles included."""
    return sum(count(message.content) + _PER_MESSAGE for message in messages)


def newest_turns(history: Sequence[Message], budget: int, count: Count) -> list[Message]:
    """Return the newest turns of a conversation that fit a budget of tokens, oldest first.

    A turn, the user's question with its answer, is kept whole or not at all.

    Raises
    ------
    InvalidInput
        The history holds something other than messages of the user and the assistant.
    """
    turns: list[list[Message]] = []
    for message in history:
        if not isinstance(message, Message) or message.role not in {"user", "assistant"}:
            raise InvalidInput(
                'history is a list of Message("user", ...) and Message("assistant", ...), oldest first; '
                "say how to write by instructions="
            )
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    kept: list[Message] = []
    for turn in reversed(turns):
        budget -= size(turn, count)
        if budget < 0 or turn[0].role != "user":
            break
        kept = [*turn, *kept]
    return kept


def most_that_fit(total: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number from 0 to ``total`` for which ``fits`` holds, if it holds for all smaller ones."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
