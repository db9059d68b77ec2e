"""Search by vectors in PostgreSQL: specs, recall, filters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from indexes import IdSet
from indexes.errors import UnknownParameter
from rag.documents.document import Document
from rag.embedding.function import CallableEmbedder
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.store.postgres import recall, vectors
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = [needs_postgres, pytest.mark.slow]
DIM, N = 32, 3000


def embedded(texts: list[str]) -> NDArray[np.float32]:
    """Return clustered vectors: the centre by the number in a text, and noise."""
    made = []
    for text in texts:
        last = text.split()[-1]
        n = int(last) if last.isdigit() else 0
        centre = np.random.default_rng(n % 40).normal(size=DIM)
        made.append(centre + 0.7 * np.random.default_rng(1000 + n).normal(size=DIM))
    x = np.array(made, np.float32).reshape(len(texts), DIM)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


E = CallableEmbedder(embedded, name="clusters", dim=DIM)


@pytest.fixture(scope="module")
def kb(server: PostgresServer) -> Iterator[KnowledgeBase]:
    place = server.url(server.database(), "vectors")
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk", indexes=["flat"]) as made:
        made.add(Document(f"d{n}", f"Number {n}", metadata={"half": n % 2, "few": n % 100}) for n in range(N))
        yield made


@pytest.mark.parametrize(
    ("spec", "least"), [("hnsw:storage=bit", 0.5), ("hnsw:storage=half", 0.95), ("hnsw:storage=half,M=8,factor=2", 0.9)]
)
def test_the_graph_finds_the_nearest(
    kb: KnowledgeBase, spec: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 signs tell little: bits are for longer vectors."""
    kb.reindex(["flat"])
    queries = embedded([f"Number {n}" for n in range(5000, 5020)])
    exact = kb.index("dense").search(queries, 10)
    kb.reindex([spec])
    assert kb.indexes == (spec,)
    graph = kb.index("dense")
    found = graph.search(queries, 10)
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found.ids, exact.ids, strict=True)]) > least
    assert recall.of(graph, kb.vectors, kb.chunk_ids()) > least
    known = dict(zip(exact.ids[0].tolist(), exact.scores[0].tolist(), strict=True))
    scored = zip(found.ids[0].tolist(), found.scores[0].tolist(), strict=True)
    assert all(score == pytest.approx(known[i], abs=1e-6) for i, score in scored if i in known)
    assert kb.verify().ok
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 10)  # so that the graph filters
    for where, count in (("half == 1", N // 2), ("few == 7", N // 100)):
        allow = kb.allowed(where)
        assert allow is not None
        assert len(allow) == count
        filtered = graph.search(queries, 10, allow=allow)
        assert np.isin(filtered.ids, allow.ids).all()  # as many as were asked for, however few are allowed
        truth = graph.search(queries, 10, allow=IdSet(allow.ids))  # without the filter's text: exact
        assert (
            np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(filtered.ids, truth.ids, strict=True)])
            > least - 0.1
        )


def test_chunks_are_scored_as_exact_search_scores_them(kb: KnowledgeBase) -> None:
    index, queries = kb.index("dense"), embedded(["Number 5000", "Number 5001"])
    ids = np.array([*kb.chunk_ids()[::7], 10**12])
    scores = index.score(queries, ids)
    assert np.isnan(scores[:, -1]).all()  # of no chunk
    np.testing.assert_allclose(scores[:, :-1], queries @ kb.vectors(ids[:-1]).T, atol=1e-5)
    best = index.search(queries, 3, allow=ids)
    np.testing.assert_allclose(best.scores, -np.sort(-scores[:, :-1], axis=1)[:, :3], atol=1e-6)
    assert index.score(queries, ids[:0]).shape == (2, 0)


def test_the_graph_is_the_plan(kb: KnowledgeBase) -> None:
    """An index that the planner cannot use would answer as well, only slowly."""
    kb.reindex(["hnsw:storage=bit"])
    with kb._store._write().session() as db:  # type: ignore[attr-defined]
        db.execute("set enable_seqscan = off")
        plan = db.rows(
            f"explain select id from chunks c order by binary_quantize(c.vector)::bit({DIM}) <~> "
            f"binary_quantize('{[1.0] * DIM}'::vector) limit 10"
        )
        db.execute("reset enable_seqscan")
    assert any("chunks_vectors" in row[0] for row in plan), plan


def test_the_ids_of_documents_are_read_from_an_index_alone(kb: KnowledgeBase) -> None:
    with kb._store._write().session() as db:  # type: ignore[attr-defined]
        db.execute("vacuum chunks")
        db.execute("set enable_seqscan = off")
        plan = db.rows("explain select c.id from chunks c where c.document = 1")
        db.execute("reset enable_seqscan")
    assert any("Index Only Scan using chunks_document" in row[0] for row in plan), plan


def test_specs() -> None:
    assert vectors.parsed("hnsw").text == "hnsw:storage=bit"
    assert vectors.parsed("hnsw:storage=half,factor=8").text == "hnsw:storage=half,factor=8"
    assert vectors.parsed("lsh").text == vectors.parsed("lsh:nbits=256,factor=4").text == "lsh"
    assert vectors.parsed("lsh:factor=8,nbits=512").text == "lsh:nbits=512,factor=8"
    assert vectors.efforts("lsh") == ["lsh", "lsh:factor=40", "lsh:factor=100"]
    assert vectors.recommended(100, 384, "cosine") == ["flat"]
    assert vectors.recommended(1_000_000, 384, "cosine")[:2] == ["hnsw:storage=bit", "lsh"]
    assert vectors.recommended(1_000_000, 64, "cosine")[:2] == ["hnsw:storage=half", "lsh"]
    assert "lsh" not in vectors.recommended(1_000_000, 384, "l2")
    assert "lsh" not in vectors.recommended(50_000_000, 384, "cosine")
    wrongs = (
        "hnsw:storage=pq",
        "hnsw:nonsense=1",
        "ivf",
        "flat:x=1",
        "hnsw:M=1000",
        "lsh:nbits=100",
        "lsh:refine=true",
    )
    for wrong in wrongs:
        with pytest.raises(InvalidInput, match=wrong.partition(":")[0]):
            vectors.parsed(wrong)


def test_auto_grows_into_a_graph(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_EXACT_CHUNKS", 500)
    with KnowledgeBase.create(
        server.url(server.database(), "auto"), embedder=E, chunker="document", granularity="chunk"
    ) as made:
        made.add(Document(f"d{n}", f"Number {n}") for n in range(400))
        assert made.indexes == ("flat", "bm25")
        made.add(Document(f"d{n}", f"Number {n}") for n in range(1500))
        assert made.indexes == ("hnsw:storage=half", "bm25")
        told = made.status().automatic
        assert told is not None
        assert "recall" in told
        assert made.verify().ok


def test_auto_takes_more_candidates_before_a_denser_graph_and_exact_search_last(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_EXACT_CHUNKS", 50)
    found = iter([0.9, 0.98, 0.995])
    monkeypatch.setattr(recall, "of", lambda *_: next(found))
    with KnowledgeBase.create(
        server.url(server.database(), "effort"), embedder=E, chunker="document", granularity="chunk"
    ) as made:
        made.add(Document(f"d{n}", f"Number {n}") for n in range(60))
        assert made.indexes == ("hnsw:storage=half,factor=100", "bm25")
        assert made.verify().ok
        monkeypatch.setattr(recall, "of", lambda *_: 0.5)
        made.reindex(["auto", "bm25"])
        assert made.indexes == ("flat", "bm25")
        with pytest.raises(UnknownParameter, match="efort"):
            made.dense().search(E.embed_queries(["Number 3"]), 3, params={"efort": 3})


def test_a_named_graph_is_built_with_the_first_documents(server: PostgresServer) -> None:
    place = server.url(server.database(), "named")
    with KnowledgeBase.create(
        place, embedder=E, chunker="document", granularity="chunk", indexes=["hnsw:storage=half"]
    ) as made:
        made.add(Document(f"d{n}", f"Number {n}") for n in range(50))
        with made._store._write().session() as db:  # type: ignore[attr-defined]
            assert db.one("select to_regclass('chunks_vectors') is not null")
        assert made.verify().ok
