"""Text from tokens as they come, up to the first stop text."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Detokenizer:
    """Returns the text that each token adds, in whole characters and linear time.

    A token's text depends on the one before it (a leading space), and a character may take several tokens, so a small
    window is decoded with and without the new tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._begin = self._given = 0

    def feed(self, token: int) -> str:
        """Return the text that this token completes; empty in the middle of a character."""
        self._ids.append(token)
        new = self._new()
        if not new or new.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._begin, self._given = self._given, len(self._ids)
        return new

    def rest(self) -> str:
        """Return the rest of the text, with a broken last character."""
        new = self._new()
        self._begin = self._given = len(self._ids)
        return new

    def _new(self) -> str:
        old = self._decode(self._ids[self._begin : self._given])
        return self._decode(self._ids[self._begin :])[len(old) :]


class Stops:
    """Passes on the pieces of a text up to the first stop text; holds back what may be the beginning of one.

    Examples
    --------
    >>> stops = Stops(["END"])
    >>> [stops.feed(piece) for piece in ("one E", "N", "D two")], stops.met
    (['one ', '', ''], True)
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self.met = False

    def feed(self, piece: str) -> str:
        """Take a piece, return the text that is certainly part of the answer."""
        if self.met:
            return ""
        text = self._held + piece
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self.met, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut]

    def rest(self) -> str:
        """Return what was held back when the text ended without a stop."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of ``text`` that begins ``stop``."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
