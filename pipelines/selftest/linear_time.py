"""Cut and analyse texts of odd shapes: ten times the text takes about ten times the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rag.chunking import chunker
from rag.documents.document import Document
from rag.sentences import sentences
from rag.terms import Analyser

from .corpus import E
from .tally import Tally

_SHAPES = ("a", "a ", "a.", ". ", "\n", "# a\n", "| a ", "\u4f60", "e\u0301", "((", "aA1", "a-b ", "http://a/")
_SMALL, _LARGE = 20_000, 200_000
_MOST = 40.0
"""A square would be a hundred."""
_LEAST_S = 0.02
"""Below it, the clock and the start of things count more than the work."""


def check(place: Path, tally: Tally) -> None:
    del place
    cut = chunker("headings:64/8", E.tokenizer)
    works: dict[str, Callable[[str], object]] = {
        "sentences": lambda text: list(sentences(text)),
        "terms": Analyser("english").terms,
        "chunks": lambda text: cut.chunk(Document.from_text(text, id="d")),
    }
    for name, work in works.items():
        for shape in _SHAPES:
            small, large = (min(_seconds(work, shape, n) for _ in range(2)) for n in (_SMALL, _LARGE))
            ratio = large / max(small, _LEAST_S)
            tally.expect(ratio < _MOST, f"{name} of {shape!r}: {ratio:.0f} times for ten times the text")


def _seconds(work: Callable[[str], object], shape: str, n: int) -> float:
    text = (shape * n)[:n]
    start = time.process_time()
    work(text)
    return time.process_time() - start
