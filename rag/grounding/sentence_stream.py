"""A model's text while it is written: its sentences as soon as they are whole."""

from __future__ import annotations

from ..llm.reasoning import CLOSE
from .citation_marks import Said, cut_mark, cut_off, said, said_so_far

LONGEST = 100_000
"""Characters of an answer that are looked at, or 32 for each of its ``max_tokens``: what goes on has run away."""
_LONG = 2000
"""Characters without the end of a sentence from which on it is looked for less often."""


class Writing:
    """Fed with the pieces of a text, gives its sentences; all together they take time in proportion to its length.

    Attributes
    ----------
    ran_away
        It went on beyond its limit; the rest is left out.
    """

    def __init__(self, max_tokens: int) -> None:
        self._left = max(LONGEST, 32 * max_tokens)
        self._text = ""
        self._again = 0
        self.ran_away = False

    def feed(self, piece: str) -> list[Said]:
        """Take a piece; return the sentences that are whole by it."""
        self._take(piece)
        if len(self._text) < self._again:
            return []
        found, self._text = said_so_far(self._text)
        self._again = 0 if found or len(self._text) < _LONG else len(self._text) * 9 // 8
        return found

    def after_thought(self, piece: str) -> str | None:
        """Return what follows the end of a thought in the piece; all that came before belonged to the thought.

        None: it holds no end. The beginning stands in the prompt then, which the model's template opened it in.
        """
        _, closed, answered = (self._text[-len(CLOSE) :] + piece).partition(CLOSE)
        if not closed:
            return None
        self._text, self._again = "", 0
        return answered.lstrip()

    def rest(self, *, incomplete: bool) -> list[Said]:
        """Return the sentences that remain at the end; the last of an incomplete text may be cut."""
        if incomplete or self.ran_away:
            return cut_off(said(cut_mark(self._text)))
        return said(self._text)

    def _take(self, piece: str) -> None:
        self.ran_away = self.ran_away or len(piece) > self._left
        self._text += piece[: self._left]
        self._left -= min(len(piece), self._left)
