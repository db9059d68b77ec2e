"""A knowledge base that grows into other topics finds what it holds, and `verify` says when an index does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import indexes
from rag.documents.document import Document
from rag.embedding import CallableEmbedder
from rag.knowledge_base import KnowledgeBase

DIM = 24
CENTRES = np.random.default_rng(0).standard_normal((40, DIM))


def embed(texts: list[str]) -> np.ndarray:
    """Return vectors near the centre of the topic that a text names first."""
    rows = []
    for text in texts:
        seed = int.from_bytes(text.encode()[-6:], "little")
        noise = 0.3 * np.random.default_rng(seed).standard_normal(DIM)
        topic = next((w for w in text.split() if w.startswith("topic")), "topic0")
        rows.append(CENTRES[int(topic[5:])] + noise)
    return np.array(rows, np.float32)


def documents(topics: range, n: int) -> list[Document]:
    names = [f"{topics[i % len(topics)]}-{i}" for i in range(n)]
    return [Document.from_text(f"topic{name.partition('-')[0]} {name:>8}", id=name) for name in names]


def made(path: Path, spec: str) -> KnowledgeBase:
    return KnowledgeBase.create(path, embedder=CallableEmbedder(embed, dim=DIM, name="topics"), indexes=[spec])


def recall(kb: KnowledgeBase, spec: str) -> float:
    index, flat = kb.index("dense", spec), indexes.dense("flat", DIM)
    ids = np.array(kb.chunk_ids())
    flat.build(embed([chunk.text for chunk in kb.chunks(ids.tolist())]), ids)
    q = embed([f"topic{i % 40} query {i}" for i in range(80)])
    pairs = zip(index.search(q, 10).ids, flat.search(q, 10).ids, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs])) / 10


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["hnsw:storage=sq8", "rabitq:train_at=256", "sq"])
def test_growth_into_other_topics_costs_no_recall(tmp_path: Path, spec: str) -> None:
    with made(tmp_path / "kb", spec) as kb:
        kb.add(documents(range(1), 1))
        kb.add(documents(range(2), 600))
        kb.add(documents(range(2, 40), 1200))
        assert recall(kb, spec) > 0.85
        assert not kb.index("dense", spec).drifted, "a new generation is built from the store"
        assert kb.verify().ok


def test_verify_says_when_an_index_does_not_find_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted defect: the range of the codes is learned from the first vector, and later ones are cut off."""
    spec = "hnsw:storage=sq8"
    with monkeypatch.context() as planted:
        planted.setattr("indexes.hnsw._LEAST_CODED", 1)
        planted.setattr("indexes.hnsw.HNSWIndex._beyond", lambda self, x: None)
        planted.setattr("indexes.staged.StagedIndex.drifted", False)
        with made(tmp_path / "kb", spec) as kb:
            kb.add(documents(range(1), 1))
            kb.add(documents(range(40), 600))
            found = [(problem.kind, problem.detail) for problem in kb.verify().problems]
    assert [kind for kind, _ in found] == ["recall"]
    assert "rag repair" in found[0][1]
    assert not KnowledgeBase.check(tmp_path / "kb").ok
    KnowledgeBase.mend(tmp_path / "kb", embedder=CallableEmbedder(embed, dim=DIM, name="topics"))
    assert KnowledgeBase.check(tmp_path / "kb").ok
