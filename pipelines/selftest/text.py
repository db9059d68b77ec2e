"""Put any Unicode in: offsets stay exact, chunks cover their documents, and no question fails."""

from __future__ import annotations

import random
from pathlib import Path

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase

from .corpus import E
from .tally import Tally

_N = 300
_PIECES = (
    "word ", "\ud800", "\x00" * 5, "\ufeff", "\u202eright\u202c ", "\U0001f468\u200d\U0001f469\u200d\U0001f467 ",
    "e" + "\u0301" * 40, "\u00e9\u0065\u0301 ", "\u4f60\u597d\u3002", "\U0002000b", "\u2028", "\r\n", "\n\n", "\t",
    "\x1b[31m", "# Heading\n", "| a | b |\n", ". ", "! ", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 ",
    "\u0e44\u0e17\u0e22",
    "1,000.5 ",
)  # fmt: skip
_SHAPES = ("", " \n\t ", "a " * 50_000, "x" * 300_000, "\n" * 10_000, "\u0301" * 10_000, "." * 50_000)


def check(place: Path, tally: Tally) -> None:
    dice = random.Random(4)
    texts = [*_SHAPES, *("".join(dice.choices(_PIECES, k=dice.randint(1, 120))) for _ in range(_N))]
    with KnowledgeBase.create(place / "kb", embedder=E, chunker="headings:64/8", granularity="chunk") as kb:
        kb.add(Document.from_text(text, id=f"d{n}") for n, text in enumerate(texts))
        tally.expect(len(kb.document_ids()) == len(texts), "a document is missing")
        stored = {name: kb.document(name).text for name in kb.document_ids()}
        covered: dict[str, set[int]] = {name: set() for name in stored}
        for chunk in kb.chunks(kb.chunk_ids()):
            whole = stored[chunk.document]
            tally.expect(whole[chunk.start : chunk.end] == chunk.text, f"{chunk.document}: a chunk is not its text")
            covered[chunk.document].update(range(chunk.start, chunk.end))
        for name, whole in stored.items():
            whole.encode()  # well formed
            lost = [c for at, c in enumerate(whole) if at not in covered[name] and c.isalnum()]
            tally.expect(not lost, f"{name}: {len(lost)} letters are in no chunk")
        for text in texts[:120]:
            question = text[:2000]
            for family, query in (("dense", E.embed_queries([question])), ("terms", [kb.analyser.terms(question)])):
                kb.index(family).search(query, 5)  # type: ignore[arg-type]
                tally.expect(True, "")
