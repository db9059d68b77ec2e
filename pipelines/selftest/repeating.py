"""Do the same again: after reopening, a second ingest, another order and more threads, searches find the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rag.knowledge_base import KnowledgeBase

from .corpus import CHUNKER, E, answers, documents
from .tally import Tally

_SPECS = (("flat", "bm25"), ("hnsw", "bm25"), ("ivf", "bm25"))


def check(place: Path, tally: Tally) -> None:
    for specs in _SPECS:
        path = place / specs[0]
        with KnowledgeBase.create(path, embedder=E, chunker=CHUNKER, indexes=specs) as kb:
            kb.add(documents(80))
            first = answers(kb)
        with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
            tally.expect(answers(kb) == first, f"{specs[0]}: another result after reopening")
            report = kb.add(documents(80))
            tally.expect((report.unchanged, report.embedded) == (80, 0), f"{specs[0]}: a second ingest does work")
            tally.expect(answers(kb) == first, f"{specs[0]}: another result after a second ingest")
            with ThreadPoolExecutor(8) as pool:
                for found in pool.map(answers, [kb] * 8):
                    tally.expect(found == first, f"{specs[0]}: another result in a thread")
    with KnowledgeBase.create(place / "turned", embedder=E, chunker=CHUNKER) as kb:
        kb.add(reversed(documents(80)))
        turned = answers(kb)
    with KnowledgeBase.open(place / "flat", embedder=E) as kb:
        tally.expect(answers(kb) == turned, "another result after an ingest in another order")
