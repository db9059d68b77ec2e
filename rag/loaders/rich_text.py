"""RTF by striprtf."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .draft import Draft
from .formats import Context
from .results import LoadError, Parsed
from .titles import first_title

_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")


def parse(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read an RTF file."""
    from striprtf.striprtf import rtf_to_text

    source = data.decode("latin-1")  # RTF is ASCII; other bytes stand for themselves in the code page it names
    if not source.lstrip().startswith("{\\rtf"):
        raise LoadError("parse", "no RTF: it does not begin with {\\rtf")
    draft = Draft(context.budget)
    for line in rtf_to_text(source, errors="replace").split("\n"):
        if "|" in line and line.rstrip().endswith("|"):
            draft.row(line.rstrip().rstrip("|").split("|"))
        else:
            draft.block(line)
    text, sections = draft.finish()
    title = _TITLE.search(source[: 1 << 16])
    yield Parsed(text, first_title(title[1] if title else "", context.stem_title), sections=sections)
