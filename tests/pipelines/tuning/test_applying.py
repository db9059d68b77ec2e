"""--apply: the knowledge base searches by the new index, with its parameters, and nothing is embedded again."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.tuning.applying import apply
from rag import Document, KnowledgeBase, Retriever
from rag.embedding import HashingEmbedder
from rag.errors import InvalidInput


@pytest.fixture
def kb(tmp_path):
    texts = [f"Otter {i} eats {i % 7} fish and sleeps on river {i % 11}." for i in range(200)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32", chunker="document") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate(texts)])
    return tmp_path / "kb"


def test_it_is_searched_by_what_was_chosen(kb, monkeypatch):
    embedded = []
    monkeypatch.setattr(HashingEmbedder, "embed_passages", lambda self, texts: embedded.append(texts))
    assert apply(kb, "hnsw:M=8,ef=77") == ["hnsw:M=8,ef=77", "bm25"]
    assert embedded == []
    monkeypatch.undo()
    with KnowledgeBase.open(kb) as base:
        index = base.index("dense")
        assert index.name == "hnsw"
        assert index.search_params.ef == 77
        assert index.build_params.M == 8
        assert len(index) == 200
        stored = base.vectors([5])
        assert index.search(stored, 1).scores[0, 0] == pytest.approx(1.0, abs=1e-5)
        assert Retriever(base).retrieve("Which otter sleeps on river 3?")
    with KnowledgeBase.open(kb) as base:  # the parameters of searching come back from the disk
        assert base.index("dense").search_params.ef == 77
    assert KnowledgeBase.check(kb).ok


def test_a_failure_leaves_the_old_index(kb, monkeypatch):
    from rag.store import generations

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generations, "save", full)
    with pytest.raises(OSError, match="No space left"):
        apply(kb, "hnsw:M=8")
    monkeypatch.undo()
    with KnowledgeBase.open(kb) as base:
        assert base.indexes == ("flat", "bm25")
        assert np.isfinite(base.index("dense").search(base.vectors([1]), 3).scores).all()


def test_only_a_knowledge_base_can_be_changed(tmp_path):
    with pytest.raises(InvalidInput, match="is not one"):
        apply(tmp_path, "flat")
