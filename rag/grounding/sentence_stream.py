"""Split a model's text into sentences while it is written."""

from __future__ import annotations

import re

from ..llm.reasoning import LONGEST_MARK, after_close
from .citation_marks import Said, cut_mark, cut_off, said, said_so_far

LONGEST = 100_000
"""Characters of an answer that are read, or 32 for each of its ``max_tokens``; a longer one ran away."""
_LONG = 2000
"""Characters without the end of a sentence after which it is looked for less often."""

_FENCE = re.compile(r"<<<[0-9a-f]{16} \d+[ \t]*(?:\n|\Z)|[0-9a-f]{16} \d+>>>[ \t]*\n?")
"""The lines around passages in a prompt, see `rag.generation.prompts`, which small models write again."""


class Writing:
    """Takes the pieces of a text and returns its sentences, in time proportional to its length.

    Attributes
    ----------
    ran_away
        The text exceeded its limit; the rest is left out.
    """

    def __init__(self, max_tokens: int) -> None:
        self._left = max(LONGEST, 32 * max_tokens)
        self._text = ""
        self._again = 0
        self.ran_away = False

    def feed(self, piece: str) -> list[Said]:
        """Take a piece; return the sentences that it completes."""
        self._take(piece)
        if len(self._text) < self._again:
            return []
        if "\n" in piece or ">" in piece:
            self._text = _FENCE.sub("", self._text)
        found, self._text = said_so_far(self._text)
        self._again = 0 if found or len(self._text) < _LONG else len(self._text) * 9 // 8
        return found

    def after_thought(self, piece: str) -> str | None:
        """Return what follows the end of the reasoning, if the piece holds it; all text before was reasoning.

        None: it holds no such end. Some templates open the reasoning in the prompt, so the text has only its end.
        """
        answered = after_close(self._text[-LONGEST_MARK:] + piece)
        if answered is not None:
            self._text, self._again = "", 0
        return answered

    def rest(self, *, incomplete: bool) -> list[Said]:
        """Return the remaining sentences at the end; the last one of an incomplete text may be cut."""
        self._text = _FENCE.sub("", self._text)
        if incomplete or self.ran_away:
            return cut_off(said(cut_mark(self._text)))
        return said(self._text)

    def _take(self, piece: str) -> None:
        self.ran_away = self.ran_away or len(piece) > self._left
        self._text += piece[: self._left]
        self._left -= min(len(piece), self._left)
