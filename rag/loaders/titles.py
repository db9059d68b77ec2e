"""Choosing a title among what a file offers."""

from __future__ import annotations

import re

_GARBAGE = re.compile(
    r"untitled.*|title|\(?anonymous\)?|unknown|document\d*|slide \d+|powerpoint presentation"
    r"|microsoft \w+ - .*|[\W\d_]*|.*\.(?:docx?|pptx?|xlsx?|tex|dvi|indd|qxd|pdf|html?|ps|txt|rtf|odt)",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST = 300


def first_title(*candidates: str | None) -> str:
    """Return the first candidate that names something; file names and what programs fill in do not.

    The last of several candidates is the name of the file, which is taken when all others name nothing.
    """
    for candidate in candidates:
        title = " ".join((candidate or "").split())[:_LONGEST]
        if title and not _GARBAGE.fullmatch(title):
            return title
    return " ".join((candidates[-1] or "").split())[:_LONGEST] if len(candidates) > 1 else ""
