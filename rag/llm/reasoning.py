"""Remove the reasoning, ``<think>...</think>``, that some models write before their answer.

Servers that know a model's template remove it themselves; others pass it on as text. A template may open the block in
the prompt: then the text holds the closing mark alone, and everything before it is reasoning.
"""

from __future__ import annotations

import re

OPEN, CLOSE = "<think>", "</think>"
_BLOCK = re.compile(rf"\s*{OPEN}.*?(?:{CLOSE}\s*|\Z)", re.DOTALL)


def without_thoughts(text: str) -> str:
    """Return a text without the reasoning at its beginning; empty if it holds nothing else.

    Examples
    --------
    >>> without_thoughts("<think>80 or 90?</think> 80 degrees.")
    '80 degrees.'
    >>> without_thoughts("80 or 90?</think>80 degrees.")
    '80 degrees.'
    >>> without_thoughts("The tag <think> opens a thought.")
    'The tag <think> opens a thought.'
    """
    while block := _BLOCK.match(text):
        text = text[block.end() :]
    before, closed, after = text.partition(CLOSE)
    return after.lstrip() if closed and OPEN not in before else text


class Thoughts:
    """Removes the reasoning from a text that arrives in pieces.

    A closing mark without an opening one is passed on: the caller must then discard all that came before it.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._answering = False

    def feed(self, piece: str) -> str:
        """Take a piece, return the text that is not reasoning."""
        if self._answering:
            return piece
        # White space is not kept: endless white space would be searched again and again.
        self._held = self._held + piece if self._inside else (self._held + piece).lstrip()
        while True:
            if self._inside:
                at = self._held.find(CLOSE)
                if at < 0:
                    self._held = self._held[-len(CLOSE) :]
                    return ""
                self._held, self._inside = self._held[at + len(CLOSE) :], False
            begun = self._held = self._held.lstrip()
            if begun.startswith(OPEN):
                self._held, self._inside = begun[len(OPEN) :], True
            elif OPEN.startswith(begun):
                return ""
            else:
                self._answering = True
                return begun

    def rest(self) -> str:
        """Return what was held back when the text ended."""
        return "" if self._inside or self._answering else self._held.lstrip()
