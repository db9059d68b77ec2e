"""Add the sentences around a passage: small chunks are found well, and read better in their context."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from ..documents.document import Document, Passage
from ..errors import InvalidInput
from ..knowledge_base import KnowledgeBase
from ..sentences import sentences as split
from .widening import widened

_REACH = 4000  # characters looked at on each side for every sentence wanted


class Neighbours:
    """Widens each passage by sentences before and after it, within its section.

    Passages of one document that then overlap become one.

    Parameters
    ----------
    kb
        Holds the documents.
    sentences
        Sentences on each side.
    """

    def __init__(self, kb: KnowledgeBase, *, sentences: int = 2) -> None:
        if sentences < 1:
            raise InvalidInput(f"sentences={sentences}: give 1 or more, or leave the step out")
        self.name = "neighbours"
        self.why = "joined with one that it meets"
        self.sentences = sentences
        self._kb = kb

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002 - the same for any
        """Return the widened passages, best first."""
        return widened(self._kb, passages, self._span)

    def _span(self, document: Document, passage: Passage) -> tuple[int, int]:
        low, high = _section(document, passage)
        reach = _REACH * self.sentences
        before = split(document.text[max(low, passage.start - reach) : passage.start])
        after = split(document.text[passage.end : min(high, passage.end + reach)])
        first = max(low, passage.start - reach)
        start = first + before[-self.sentences :][0][0] if before else passage.start
        end = passage.end + after[: self.sentences][-1][1] if after else passage.end
        return start, end


def _section(document: Document, passage: Passage) -> tuple[int, int]:
    """Return the span around the passage: from the section it begins in to the one it ends in."""
    starts = [section.start for section in document.sections]
    ends = [section.end for section in document.sections]
    at, last = bisect_right(starts, passage.start) - 1, bisect_left(ends, passage.end)
    low = document.sections[at].start if at >= 0 and passage.start < ends[at] else 0
    high = ends[last] if last < len(ends) and starts[last] < passage.end else len(document.text)
    return low, high
