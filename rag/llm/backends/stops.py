"""Ends a growing text at the first stop text, and gives nothing away that may be the beginning of one."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Fed with pieces, gives back what is surely part of the answer.

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
        """Take a piece, return the text that can be shown."""
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
        """Give out what was held back when the text ended without a stop."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that begins ``stop``."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
