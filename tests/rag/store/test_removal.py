"""Deleted means gone: after `purge` no byte of it is on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.errors import StoreLocked
from rag.knowledge_base import KnowledgeBase


def folder_bytes(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.rglob("*") if p.is_file())


def test_purge_leaves_no_byte_of_what_was_removed(
    make: Callable[..., KnowledgeBase], docs: Callable, answers: Callable
) -> None:
    kb = make(200)
    gone, kept = [f"note-{n}" for n in range(0, 200, 5)], [f"note-{n}" for n in range(200) if n % 5]
    ids = [c.id for c in kb.chunks(kb.chunk_ids()) if c.document in gone and "hares" not in c.text]
    shared = {c.text for c in kb.chunks(kb.chunk_ids()) if c.document in kept}
    secrets = {c.id: c.text for c in kb.chunks(ids) if c.text not in shared}
    vectors = {i: kb.vectors([i])[0].tobytes() for i in secrets}
    others = {v.tobytes() for v in kb.vectors([i for i in kb.chunk_ids() if i not in secrets])}
    canaries = [text.encode() for text in secrets.values()] + [v for v in vectors.values() if v not in others]
    words = [f"unique{n}v1".encode() for n in range(0, 200, 5)]
    assert len(canaries) > 150
    data = folder_bytes(kb.path)
    assert all(canary in data for canary in canaries + words), "the test looks for what is really there"
    for name in gone:
        kb.remove(name)
    assert kb.index("terms").search([[word.decode()] for word in words], 1).ids.max() == -1
    kb.purge()
    data = folder_bytes(kb.path)
    assert [c for c in canaries + words if c in data] == []
    assert kb.status().orphans == 0
    seq, before = kb.seq, answers(kb)
    kb.close()
    assert [c for c in canaries + words if c in folder_bytes(kb.path)] == []
    with KnowledgeBase.open(kb.path, mode="w", embedder=HashingEmbedder(32)) as again:
        assert again.verify().ok
        assert again.document_ids() == sorted(kept)
        assert (again.seq, answers(again)) == (seq, before)
        assert again.add([Document.from_text("A fresh one.", id="fresh")]).chunks == 1
        assert again.seq == seq + 1, "numbers of changes go on where they were"
        assert again.chunk_ids()[-1] > max(ids), "ids of chunks are never used twice"
    with KnowledgeBase.create(
        kb.path.parent / "fresh", embedder=HashingEmbedder(32), chunker="sentences:16/0"
    ) as fresh:
        fresh.add([d for d in docs(200) if d.id in kept])
        assert answers(fresh) == before


def test_purge_says_that_a_reader_is_in_the_way(
    make: Callable[..., KnowledgeBase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.store.database._BUSY_MS", 50)
    kb = make(30)
    with KnowledgeBase.open(kb.path) as reader:
        assert len(reader.chunk_ids())
        kb.remove("note-3")
        with pytest.raises(StoreLocked, match="close the readers"):
            kb.purge()
        assert len(reader.document_ids()) == 30
    with KnowledgeBase.open(kb.path) as early:
        early.index("terms")
        # The log that would bring this reader's index up to date is dropped by a purge; it loads a new one then.
        with pytest.raises(StoreLocked, match="close the readers"):
            kb.purge()
        assert early.refresh()
        assert early.index("terms").ids().tolist() == kb.chunk_ids().tolist()
    kb.purge()
    assert b"unique3v1" not in folder_bytes(kb.path)


@pytest.mark.slow
def test_the_log_of_changes_does_not_grow_with_every_ingest(
    make: Callable[..., KnowledgeBase], docs: Callable, answers: Callable
) -> None:
    kb = make(60)
    rows = []
    with KnowledgeBase.open(kb.path, embedder=HashingEmbedder(32)) as reader:
        answers(reader)
        for version in range(2, 22):
            kb.add(docs(60, version=version))
            with kb._store.session.reading() as db:
                rows.append(db.execute("select count(*) from changes").get)
            assert reader.refresh()
            assert answers(reader) == answers(kb), "a reader that lags behind catches up"
    assert max(rows[5:]) <= 2 * max(rows[:5])
    assert kb.verify().ok
