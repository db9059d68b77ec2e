"""Delete documents, also by commands that are cut short: nothing finds them, and no byte is left."""

from __future__ import annotations

import os
from pathlib import Path

from rag.knowledge_base import KnowledgeBase

from .corpus import CHUNKER, E, answers, documents
from .forking import in_child, need_fork
from .tally import Tally

_GONE = range(0, 60, 4)


def check(place: Path, tally: Tally) -> None:
    need_fork()
    for cut_short in (False, True):
        path = place / f"kb{cut_short}"
        with KnowledgeBase.create(path, embedder=E, chunker=CHUNKER) as kb:
            kb.add(documents(60))
        words = [f"unique{n}v1" for n in _GONE]
        tally.expect(all(_is_held(path, word) for word in words), "the words are not there to begin with")
        if cut_short:
            in_child(lambda path=path: _delete(path, die=True))  # type: ignore[misc]
            KnowledgeBase.open(path, mode="w", embedder=E).close()  # whoever comes next
        else:
            _delete(path, die=False)
        for word in words:
            tally.expect(not _is_held(path, word), f"{word} is on disk still")
        with KnowledgeBase.open(path, embedder=E) as kb:
            report = kb.verify()
            tally.expect(report.ok and not report.leftovers, f"{report.problems} {report.leftovers}")
            found = kb.index("terms").search([kb.analyser.terms(word) for word in words], 3)
            tally.expect(not any(len(found.row(n)[0]) for n in range(len(words))), "a deleted document is found")
            left = answers(kb)
        with KnowledgeBase.create(place / f"fresh{cut_short}", embedder=E, chunker=CHUNKER) as fresh:
            fresh.add(d for n, d in enumerate(documents(60)) if n not in _GONE)
            tally.expect(answers(fresh) == left, "searches differ from those of a fresh knowledge base")


def _delete(path: Path, *, die: bool) -> None:
    from rag.store import removal

    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
        if die:
            removal.purge = lambda *_: os.kill(os.getpid(), 9)  # between the removal and the clearing of bytes
        kb.remove(*(f"note-{n}" for n in _GONE), purge=True)


def _is_held(path: Path, word: str) -> bool:
    return any(word.encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())
