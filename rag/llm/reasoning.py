"""What reasoning models think before they answer, ``<think>...</think>``, kept out of the answer.

Servers that know a model's template take it out themselves; others pass it on as text. A template may open the block in
the prompt: then the text holds the closing mark alone, and everything before it was thought.
"""

from __future__ import annotations

import re

OPEN, CLOSE = "<think>", "</think>"
_BLOCK = re.compile(rf"\s*{OPEN}.*?(?:{CLOSE}\s*|\Z)", re.DOTALL)


def without_thoughts(text: str) -> str:
    """Return a text without the thoughts that it begins with; empty where it holds nothing else.

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
    """Fed with the pieces of a text, gives back those that are no thoughts.

    A closing mark without an opening one is given back as it is: who shows the text must take back what came before.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._answering = False

    def feed(self, piece: str) -> str:
        """Take a piece, return the text that is no thought."""
        if self._answering:
            return piece
        self._held += piece
        while True:
            if self._inside:
                at = self._held.find(CLOSE)
                if at < 0:
                    self._held = self._held[-len(CLOSE) :]
                    return ""
                self._held, self._inside = self._held[at + len(CLOSE) :], False
            begun = self._held.lstrip()
            if begun.startswith(OPEN):
                self._held, self._inside = begun[len(OPEN) :], True
            elif OPEN.startswith(begun):
                return ""
            else:
                self._answering = True
                return begun

    def rest(self) -> str:
        """Give out what was held back when the text ended."""
        return "" if self._inside or self._answering else self._held.lstrip()
