"""The automatic index: exact while that is fast, then what is recommended, if it finds enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import indexes
from indexes.recommendation import Recommendation
from rag import Document, KnowledgeBase
from rag.errors import StoreMismatch
from rag.store import automatic_index, contents, recall


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recommend a graph from 40 vectors on, as for tens of thousands."""

    def recommend(n: int, dim: int, *, recall: float, memory: int | None) -> Recommendation:
        assert (dim, recall) == (32, 0.99)
        assert memory is None or memory > 1 << 20
        return Recommendation("flat" if n < 40 else "hnsw", (), ())

    monkeypatch.setattr(indexes, "recommend", recommend)


def texts(start: int, end: int) -> list[Document]:
    return [Document.from_text(f"Note {n} is about item {n * 7919 % 1000}.", id=str(n)) for n in range(start, end)]


@pytest.fixture
def kb(tmp_path: Path):
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as made:
        yield made


def nearest(kb: KnowledgeBase) -> list[list[int]]:
    index = kb.index("dense")
    return index.search(kb.embedder.embed_queries(["item 7", "note 30"]), 5).ids.tolist()


def test_it_follows_the_size_and_says_so(kb: KnowledgeBase, tmp_path: Path) -> None:
    assert kb.indexes == ("flat", "bm25")
    kb.add(texts(0, 20))
    assert kb.indexes == ("flat", "bm25")
    assert kb.status().automatic == "automatic: flat, exact, chosen at 20 chunks"
    before = nearest(kb)
    with KnowledgeBase.open(tmp_path / "kb") as reader:
        assert nearest(reader) == before
        kb.add(texts(20, 60))
        assert kb.indexes == ("hnsw", "bm25")
        assert nearest(reader) == before, "a reader goes on by the old one"
        assert reader.refresh()
        assert reader.indexes == ("hnsw", "bm25")
        assert nearest(reader) == nearest(kb) != before
    assert kb.status().automatic == "automatic: hnsw, recall 1.000 of exact search, chosen at 60 chunks"
    assert kb.verify().ok
    kb.close()
    with KnowledgeBase.open(tmp_path / "kb") as again:
        assert again.index("dense").name == "hnsw"
        assert next(each.spec for each in again.status().generations if each.spec != "bm25") == "hnsw"


def test_one_that_finds_too_little_is_passed_over_until_there_is_half_as_much_again(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def poor(db: object, what: object, index: indexes.DenseIndex, metric: str, tries: list[object]) -> list[float]:
        measured.append(index.name)
        return [0.5 for _ in tries]

    monkeypatch.setattr(recall, "of", poor)
    kb.add(texts(0, 50))
    assert kb.indexes == ("flat", "bm25")
    assert measured == ["hnsw", "lsh", "hnsw"], "the recommended one, one that compares all, and a denser graph"
    assert "hnsw found 0.500 only" in (kb.status().automatic or "")
    kb.add(texts(50, 70))
    assert len(measured) == 3
    monkeypatch.undo()
    monkeypatch.setattr(indexes, "recommend", lambda n, dim, **_: Recommendation("hnsw", (), ()))
    kb.add(texts(70, 90))
    assert kb.indexes == ("hnsw", "bm25")


def test_a_harder_one_of_its_kind_is_tried(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([[0.97, 0.975, 0.98, 0.98, 0.98], [0.9] * 20, [0.995, 0.996, 0.996, 0.996, 0.996]])
    monkeypatch.setattr(recall, "of", lambda *args: next(found)[: len(args[-1])])
    kb.add(texts(0, 50))
    assert kb.indexes == ("hnsw:M=32,ef_construction=400,ef=400", "bm25")
    assert "hnsw found 0.970 only; hnsw:ef=256 found 0.975 only" in (kb.status().automatic or "")
    assert kb.verify().ok


def test_more_effort_of_searching_comes_before_another_build(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[str] = []
    build = contents.build
    monkeypatch.setattr(contents, "build", lambda db, what: builds.append(what._spec) or build(db, what))
    monkeypatch.setattr(recall, "of", lambda *_: [0.98, 0.992, 0.996, 0.996, 0.996])
    kb.add(texts(0, 50))
    assert kb.indexes == ("hnsw:ef=256", "bm25")
    assert builds.count("hnsw") == 1
    assert not [spec for spec in builds if spec.startswith("hnsw:")]
    assert kb.index("dense").search_params.ef == 256
    kb.close()
    with KnowledgeBase.open(tmp_path / "kb") as again:
        assert again.index("dense").search_params.ef == 256
        assert again.verify().ok


def test_signs_of_which_all_are_compared_come_before_a_denser_graph(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([[0.97] * 5, [0.98, 0.993] + [1.0] * 20])
    monkeypatch.setattr(recall, "of", lambda *args: next(found)[: len(args[-1])])
    kb.add(texts(0, 50))
    chosen = ("lsh:nbits=256,refine=true,candidates=1000,refine_factor=4", "bm25")
    assert kb.indexes == chosen
    monkeypatch.undo()
    monkeypatch.setattr(indexes, "recommend", lambda n, dim, **_: Recommendation("hnsw", (), ()))
    kb.add(texts(50, 80))
    assert kb.indexes == chosen, "the graph is not built again"
    assert "hnsw found 0.970 only" in (kb.status().automatic or "")
    assert kb.verify().ok


def test_one_that_has_grown_is_measured_again(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    kb.add(texts(0, 50))
    assert kb.indexes == ("hnsw", "bm25")
    monkeypatch.setattr(recall, "of", lambda *args: [0.98, 0.995, 1.0, 1.0, 1.0][: len(args[-1])])
    kb.add(texts(50, 80))
    assert kb.indexes == ("hnsw:ef=256", "bm25"), "more effort, of the same graph"
    monkeypatch.setattr(recall, "of", lambda *args: [0.9] * len(args[-1]))
    kb.add(texts(80, 130))
    assert kb.indexes == ("flat", "bm25"), "nothing finds enough: exact search"
    assert kb.verify().ok


def test_reindex_to_auto_builds_what_suits_at_once(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    kb.reindex(["lsh", "bm25"])
    kb.add(texts(0, 60))
    builds: list[str] = []
    build = contents.build
    monkeypatch.setattr(contents, "build", lambda db, what: builds.append(what._spec) or build(db, what))
    kb.reindex(["auto", "bm25"])
    assert kb.indexes == ("hnsw", "bm25")
    assert builds == ["hnsw"]


def test_named_indexes_stay_and_auto_comes_back(kb: KnowledgeBase, tmp_path: Path) -> None:
    kb.reindex(["flat", "bm25"])
    kb.add(texts(0, 60))
    assert kb.indexes == ("flat", "bm25")
    assert kb.status().automatic is None
    kb.reindex(["auto", "bm25"])
    assert kb.indexes == ("hnsw", "bm25")
    kb.close()
    with KnowledgeBase.open_or_create(tmp_path / "kb", indexes=["auto", "bm25"]) as same:
        assert same.indexes == ("hnsw", "bm25")
    with KnowledgeBase.open_or_create(tmp_path / "kb", indexes=["hnsw", "bm25"]):
        pass
    with pytest.raises(StoreMismatch, match="rag reindex"):
        KnowledgeBase.open_or_create(tmp_path / "kb", indexes=["flat", "bm25"])


def test_named_ones_are_not_auto(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32", indexes=["flat", "bm25"]) as kb:
        kb.add(texts(0, 60))
        assert kb.indexes == ("flat", "bm25")
    with pytest.raises(StoreMismatch, match="rag reindex"):
        KnowledgeBase.open_or_create(tmp_path / "kb", indexes=["auto", "bm25"])


def test_it_survives_another_embedder_and_a_repair(kb: KnowledgeBase, tmp_path: Path) -> None:
    kb.add(texts(0, 60))
    kb.close()
    KnowledgeBase.reembed(tmp_path / "kb", granularity="chunk+sentence")
    with KnowledgeBase.open(tmp_path / "kb", mode="w") as again:
        assert again.indexes == ("hnsw", "bm25")
        again.repair()
        assert again.status().automatic is not None


def test_recall_is_the_share_of_exact_neighbours(kb: KnowledgeBase) -> None:
    kb.add(texts(0, 30))
    with kb._store.session.reading() as db:
        what = automatic_index.ChunkVectors(kb._store.session.identity, "flat")
        whole = indexes.dense("flat", 32)
        vectors, ids = what.items(db, what.ids(db))
        whole.build(vectors, ids)
        assert recall.of(db, what, whole, "cosine") == [1.0]
        whole.build(np.roll(vectors, 1, axis=0), ids)
        assert recall.of(db, what, whole, "cosine")[0] < 0.7


def test_recall_is_asked_for_between_the_entries(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph finds the neighbours of what it holds more easily than those of a question: these are no entries."""
    kb.add(texts(0, 30))
    asked: list[np.ndarray] = []
    with kb._store.session.reading() as db:
        what = automatic_index.ChunkVectors(kb._store.session.identity, "flat")
        whole = indexes.dense("flat", 32)
        vectors, ids = what.items(db, what.ids(db))
        whole.build(vectors, ids)
        search = whole.search
        monkeypatch.setattr(whole, "search", lambda q, k, **rest: asked.append(q) or search(q, k, **rest))
        assert recall.of(db, what, whole, "cosine", [{}, {}]) == [1.0, 1.0]
    nearest = search(asked[0], 1).scores[:, 0]
    assert len(asked[0]) == 30
    assert (nearest < 0.999).mean() > 0.5
    assert nearest.min() > 0.3, "and not far from all"
