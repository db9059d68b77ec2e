"""An answer as text to compare: without the marks of its citations."""

from __future__ import annotations

import re

from ..answers import Answer

_MARK = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")


def plain(answer: Answer) -> str:
    """Return the answer's text without ``[n]`` marks of citations that it has."""
    return _MARK.sub("", answer.text).strip() if answer.citations else answer.text.strip()
