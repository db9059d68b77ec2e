"""Text from tokens as they come, in linear time."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Detokenizer:
    """Gives the text that each token adds, whole characters only.

    A token's text depends on the one before it (a leading space) and a character may take several tokens, so a small
    window is decoded with and without the new tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._begin = self._given = 0

    def feed(self, token: int) -> str:
        """Return the text that became certain with this token; empty in the middle of a character."""
        self._ids.append(token)
        new = self._new()
        if not new or new.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._begin, self._given = self._given, len(self._ids)
        return new

    def rest(self) -> str:
        """Return what a broken last character leaves."""
        new = self._new()
        self._begin = self._given = len(self._ids)
        return new

    def _new(self) -> str:
        old = self._decode(self._ids[self._begin : self._given])
        return self._decode(self._ids[self._begin :])[len(old) :]
