"""The protocol of a context step, between search and generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..documents.document import Passage


@runtime_checkable
class ContextBuilder(Protocol):
    """Shapes what a generator reads: widens passages, drops some, puts them in another order.

    A passage that comes out is a span of its document: ``document.text[start:end] == text``. It keeps the ``chunk`` and
    ``rank`` of the passage that it was made of.
    """

    @property
    def name(self) -> str:
        """The step's name."""
        ...

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        """Return the passages for the generator; ``passages`` come best first unless a step before says otherwise."""
        ...
