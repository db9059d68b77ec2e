"""``rag search --explain``: how a question came to its passages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exit_codes
from .output import one_line, print_json, stderr, stdout

if TYPE_CHECKING:
    from rag.searching import Searcher


def show(retriever: Searcher, question: str, *, json: bool) -> int:
    """Explain a question for a person, or as JSON."""
    from rag.explanation import explain

    found = explain(retriever, question)
    if json:
        print_json(found.as_dict())
    else:
        stdout().print(found, soft_wrap=True)
        for note in found.notes:
            stderr().print(f"note: {one_line(note)}", style="yellow")
    return exit_codes.OK if found.passages else exit_codes.NOTHING_FOUND
