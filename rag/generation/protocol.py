"""What the toolkit asks of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..answers import Answer
from ..documents import Passage


@runtime_checkable
class Generator(Protocol):
    """Turns a question and what was retrieved for it into a cited answer."""

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from the passages, best first, or abstain with a reason; ``Answer.passages`` holds them all."""
        ...
