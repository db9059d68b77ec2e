"""Drop near-duplicates: passages that repeat a better one almost word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..documents.document import Passage
from ..errors import InvalidInput

_WORD = re.compile(r"\w+")
_WORDS = 4
"""Words of a shingle."""


class NearDuplicates:
    """Drops a passage if its word sequences nearly all occur in a better one, and it names no number of its own.

    Likeness is the share of a passage's four-word sequences that a better-ranked passage has too. Two releases'
    notes may differ in one number only, and answer a question differently: those stay.

    Parameters
    ----------
    likeness
        0 to 1, above which a passage goes.

    References
    ----------
    A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997.
    """

    def __init__(self, *, likeness: float = 0.8) -> None:
        if not 0 < likeness <= 1:
            raise InvalidInput(f"likeness={likeness}: give above 0, at most 1")
        self.name = "unique"
        self.why = "says what a better one says"
        self.likeness = likeness

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002 - the same for any
        """Return the passages that say something new, in the order given."""
        kept: list[tuple[frozenset[tuple[str, ...]], frozenset[str]]] = []
        chunks: set[int] = set()
        for passage in sorted(passages, key=lambda p: p.rank):
            shingles, numbers = _read(passage.text)
            if not any(
                len(shingles & theirs) >= self.likeness * len(shingles) and numbers <= known for theirs, known in kept
            ):
                kept.append((shingles, numbers))
                chunks.add(passage.chunk)
        return [passage for passage in passages if passage.chunk in chunks]


def _read(text: str) -> tuple[frozenset[tuple[str, ...]], frozenset[str]]:
    words = _WORD.findall(text.casefold())
    shingles = [tuple(words[i : i + _WORDS]) for i in range(max(1, len(words) - _WORDS + 1))]
    return frozenset(shingles), frozenset(word for word in words if any(map(str.isdigit, word)))
