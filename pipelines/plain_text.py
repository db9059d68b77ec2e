"""Text of unknown origin, made safe for terminals and reports."""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls except tab and newline, and the marks that reorder text on screen: a document must not move the
cursor, set the clipboard, or make a path read backwards."""


def safe(text: str) -> str:
    """Return text of unknown origin without any character that a terminal would obey, or that nobody would see."""
    if text.isascii():
        return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    from rag.grounding.invisible import shown

    return shown(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def one_line(text: str, width: int = 0) -> str:
    """Return text on one line, cut to ``width`` characters (0: uncut)."""
    line = " ".join(safe(text).split())
    return line if not width or len(line) <= width else line[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
