"""Take things away behind the back of a knowledge base: `verify` finds all of them, and `repair` brings them back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import indexes
from rag.knowledge_base import KnowledgeBase
from rag.store import database, generations

from .corpus import CHUNKER, E, answers, documents
from .tally import Tally

_REMOVED, _ADDED = 30, 5


def check(place: Path, tally: Tally) -> None:
    path = place / "kb"
    with KnowledgeBase.create(path, embedder=E, chunker=CHUNKER, granularity="chunk") as kb:
        added = kb.add(documents(60))
        tally.expect(added.chunks == len(kb.chunk_ids()), "the report counts other chunks than there are")
        before, ids = answers(kb), kb.chunk_ids()
    for family in ("flat", "bm25"):
        _change(path, family, ids[:_REMOVED].tolist())
    report = KnowledgeBase.check(path)
    for family in ("flat", "bm25"):
        missing = [p.ids for p in report.problems if p.kind == "missing" and family in p.file]
        tally.expect(missing == [tuple(ids[:_REMOVED].tolist())], f"{family}: missing are {missing}")
    extra = [p.count for p in report.problems if p.kind == "extra"]
    tally.expect(extra == [_ADDED], f"entries unknown to the store: {extra}")
    mended = KnowledgeBase.mend(path, embedder=E)
    tally.expect(set(mended.rebuilt) == {"flat", "bm25"}, f"rebuilt are {mended.rebuilt}")
    with KnowledgeBase.open(path, embedder=E) as kb:
        tally.expect(kb.verify().ok, "it is not whole after a repair")
        tally.expect(answers(kb) == before, "searches find something else after a repair")


def _change(path: Path, spec: str, gone: list[int]) -> None:
    """Remove entries from a saved index, add unknown ones to that of vectors, and make the store accept it."""
    with contextlib.closing(database.open_writable(path / database.DATABASE)) as db:
        pointer = generations.pointers(db)[spec]
        index: Any = indexes.load(path / pointer.name)
        index.remove(gone)
        if spec == "flat":
            index.add(E.embed_passages([f"unknown {n}" for n in range(_ADDED)]), [10**6 + n for n in range(_ADDED)])
        with database.transaction(db):
            generations.point(db, generations.save(path, spec, index, pointer.seq))
