"""The best passages first and last: language models read the middle of a long prompt least."""

from __future__ import annotations

from collections.abc import Sequence

from ..documents.document import Passage


class BestAtEdges:
    """Puts the best passage first, the second best last, the third second, and so on: the least are in the middle.

    For generators that read a long prompt. One that takes passages best first, as the extractive one does, should not
    get it. ``rank`` still says how relevant a passage is.

    References
    ----------
    N. Liu et al., "Lost in the middle: how language models use long contexts", TACL 12, 2024.
    """

    def __init__(self) -> None:
        self.name = "edges"

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002 - the same for any
        """Return the same passages in the order 1, 3, 5, ..., 6, 4, 2."""
        ordered = sorted(passages, key=lambda p: p.rank)
        return [*ordered[::2], *reversed(ordered[1::2])]
