"""Find passages that only repeat a better-ranked passage."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.records import ChunkRecord

COVERED = 0.9
"""Share of a passage's span that another span of the same document must cover to make it a repetition."""


FEW = 64
"""Up to so many kept texts, looking into all of them is fastest."""


class Repetitions:
    """Tells of one passage after another, best first, whether it repeats one that was kept.

    A passage repeats an earlier one when

    - it is a span of the same document, and the earlier one covers at least 90 % of it (neighbouring chunks share far
      less), or
    - its whole text occurs in the earlier one, white space and case apart, and begins and ends between words: copies of
      a file, mirrored pages, a paragraph quoted in full.

    Nothing looser: passages that differ in one number or one name may answer a question differently, and all of them
    stay. So does a long passage around a better-ranked short one, for it says more.
    """

    def __init__(self) -> None:
        self._spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._texts: list[str] = []
        self._holding: defaultdict[str, list[str]] = defaultdict(list)  # word -> those of the texts that have it
        self._indexed = 0

    def repeated(self, passage: ChunkRecord) -> bool:
        """Say whether the passage repeats a kept one; keep it if not."""
        words = passage.text.casefold().split()
        text = f" {' '.join(words)} "
        if self._covered(passage) or any(text in other for other in self._possible(words)):
            return True
        self._spans[passage.document].append((passage.start, passage.end))
        self._texts.append(text)
        return False

    def _possible(self, words: list[str]) -> list[str]:
        """Return kept texts among which are all that hold ``words``.

        With many kept, those that share the longest word: few do, so the work stays linear in the passages.
        """
        if len(self._texts) <= FEW:
            return self._texts
        for text in self._texts[self._indexed :]:
            for word in set(text.split()) or {""}:
                self._holding[word].append(text)
        self._indexed = len(self._texts)
        return self._holding[max(words, key=len, default="")]

    def _covered(self, passage: ChunkRecord) -> bool:
        enough = COVERED * (passage.end - passage.start)
        spans = self._spans[passage.document]
        return any(min(end, passage.end) - max(start, passage.start) >= enough for start, end in spans)
