"""Remove the marks with which a model's template ends its turn, where a server passes them on as text.

They count at the end of the text alone, or where the next turn begins behind them: a model that was not stopped writes
the user's next question too. Anywhere else they are spoken of.
"""

from __future__ import annotations

import re

_ENDS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|endoftext|>", "<|end_of_text|>", "<|end_of_turn|>",
    "<|end_of_role|>", "<|end|>", "<|return|>", "<|eos|>", "<end_of_turn>", "<turn|>", "<eos>", "</s>",
    "<｜end▁of▁sentence｜>",
)  # fmt: skip
_NEXT = (
    "<|im_start|>", "<|start_header_id|>", "<|header_start|>", "<|start_of_role|>", "<|start|>user", "<|user|>",
    "<|turn>", "<start_of_turn>", "<｜user｜>", "[inst]",
)  # fmt: skip
_PREFIXES = {mark[:n] for mark in (*_ENDS, *_NEXT) for n in range(1, len(mark))}


def _any(marks: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, marks))


_ENDED = re.compile(rf"\s{{0,9}}(?:(?:{_any(_ENDS)})\s{{0,9}})+(?:\Z|(?:{_any(_NEXT)}))", re.IGNORECASE)
_COMING = re.compile(rf"(?:\s{{0,9}}(?:{_any(_ENDS)}))+\s{{0,9}}\Z", re.IGNORECASE)
_HELD = 200
"""Characters that are held back at most: more than a few marks in a row have."""
_STRUCK = re.compile(r"<s>", re.IGNORECASE)


def without_turn_end(text: str) -> str:
    """Return a text without the marks that end it and without what follows of the next turn.

    Examples
    --------
    >>> without_turn_end("80 degrees.<|im_end|>")
    '80 degrees.'
    >>> without_turn_end("The mark <|im_end|> ends a turn.")
    'The mark <|im_end|> ends a turn.'
    """
    ended = _ENDED.search(text)
    if ended is None or (ended[0].strip().lower() == "</s>" and _STRUCK.search(text)):
        return text
    return text[: ended.start()]


class TurnEnd:
    """Removes the marks from a text that arrives in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._struck = False
        self._over = False

    def feed(self, piece: str) -> str:
        """Take a piece, return the text that no mark ends."""
        if self._over:
            return ""
        text = self._held + piece
        self._struck = self._struck or _STRUCK.search(text) is not None
        ended = _ENDED.search(text)
        if ended is not None and ended[0].lower().endswith(_NEXT):
            self._over, self._held = True, ""
            return text[: ended.start()]
        at = _held_from(text)
        self._held = text[at:]
        return text[:at]

    def rest(self) -> str:
        """Return what was held back when the text ended."""
        held, self._held = self._held, ""
        return held if self._struck and held.strip().lower() == "</s>" else without_turn_end(held)


def _held_from(text: str) -> int:
    """Return where the marks at the end begin, or what may become one."""
    tail = text[-_HELD:]
    cut = max(tail.rfind("<"), tail.rfind("["))
    if cut >= 0 and tail[cut:].lower() in _PREFIXES:
        coming = _COMING.search(tail[:cut])
        return len(text) - len(tail) + (coming.start() if coming else cut)
    coming = _COMING.search(tail)
    return len(text) if coming is None else len(text) - len(tail) + coming.start()
