"""What is said of a part that failed and was left out: enough to find it, nothing that may be secret."""

from __future__ import annotations

import traceback
from pathlib import Path

from .errors import RagError

_LONGEST = 300


def in_words(error: Exception) -> str:
    """Return an error's kind and, of one of this toolkit's own, its text on one line; of others, where it was raised.

    Only the toolkit's errors are known to hold nothing secret: a client's may quote the request with its key.
    """
    kind = type(error).__name__
    if isinstance(error, RagError):
        return f"{kind}: {on_one_line(str(error))}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{kind} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else kind


def on_one_line(text: str) -> str:
    """Return a text without control characters, cut where it is too long for a note."""
    return "".join(c for c in " ".join(text[: 10 * _LONGEST].split()) if c.isprintable())[:_LONGEST]
