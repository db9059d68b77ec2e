"""The index lsh in PostgreSQL: what it finds, what other processes see of it, what is damaged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from indexes import IdSet
from rag import Retriever
from rag.documents.document import Document
from rag.embedding.function import CallableEmbedder
from rag.errors import StoreCorrupt
from rag.knowledge_base import KnowledgeBase
from rag.retrieval import candidates
from rag.store.postgres import hash_building, hashes, recall, vectors
from rag.store.postgres.hashing import Hashes
from rag.store.postings_search import _Scorer
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = needs_postgres
DIM = 32


def embedded(texts: list[str]) -> NDArray[np.float32]:
    """Return clustered vectors, by the number in a text."""
    made = []
    for text in texts:
        last = text.split()[-1]
        n = int(last) if last.isdigit() else 0
        made.append(
            np.random.default_rng(n % 20).normal(size=DIM) + np.random.default_rng(500 + n).normal(size=DIM) + 1
        )
    return np.array(made, np.float32).reshape(len(texts), DIM)


E = CallableEmbedder(embedded, name="clusters", dim=DIM)
QUESTIONS = embedded([f"Number {n}" for n in range(9000, 9020)])


def documents(start: int, end: int) -> Iterator[Document]:
    for n in range(start, end):
        yield Document(f"d{n}", f"Number {n}", source=f"s{n}", metadata={"half": n % 2, "tenth": n % 10})


def made(place: str, **own: object) -> KnowledgeBase:
    options = {"indexes": ["lsh", "bm25"], "chunker": "document", "granularity": "chunk", **own}
    return KnowledgeBase.create(place, embedder=E, **options)  # type: ignore[arg-type]


def found(kb: KnowledgeBase, k: int = 10, **own: object) -> NDArray[np.int64]:
    ids: NDArray[np.int64] = kb.dense().search(QUESTIONS, k, **own).ids
    return ids


def exact(kb: KnowledgeBase, k: int = 10) -> NDArray[np.int64]:
    ids: NDArray[np.int64] = kb.dense().search(QUESTIONS, k, allow=IdSet(kb.chunk_ids())).ids
    return ids


def segments(kb: KnowledgeBase) -> list[int]:
    with kb._store._write().session() as db:  # type: ignore[attr-defined]
        return [row[0] for row in db.rows("select segment from hashes order by segment")]


@pytest.fixture(scope="module")
def large(server: PostgresServer) -> Iterator[KnowledgeBase]:
    with made(server.url(server.database(), "large")) as kb:
        kb.add(documents(0, 3000))
        yield kb


@pytest.mark.slow
def test_the_nearest_are_found_with_their_exact_scores(large: KnowledgeBase) -> None:
    assert large.indexes == ("lsh", "bm25")
    index = large.dense()
    assert np.mean(found(large) == exact(large)) > 0.97
    assert recall.of(index, large.vectors, large.chunk_ids()) > 0.97
    hits = index.search(QUESTIONS, 10)
    for query, ids, scores in zip(QUESTIONS, hits.ids, hits.scores, strict=True):
        x = large.vectors(ids)
        np.testing.assert_allclose(scores, x @ query / np.linalg.norm(x, axis=1) / np.linalg.norm(query), atol=1e-5)
    assert index.memory()["hashes"] == 3000 * 32
    assert found(large, 10, params={"factor": 300}).tolist() == exact(large).tolist()
    assert found(large, 2000).shape == (20, 2000)
    assert (found(large, 2000) >= 0).all()
    assert large.verify().ok


@pytest.mark.slow
@pytest.mark.parametrize("where", ["half == 1", "tenth == 3"])
def test_filters_choose_among_the_hashes(large: KnowledgeBase, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    allow = large.allowed(where)
    assert allow is not None
    truth = found(large, allow=allow)  # few enough for exact search
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 10)
    monkeypatch.setattr(vectors, "_LEAST_HASHED", 100)
    for given in (allow, allow.ids):
        ids = found(large, allow=given)
        assert np.isin(ids, allow.ids).all()
        assert np.mean(ids == truth) > 0.95


@pytest.mark.slow
def test_indexes_are_changed_without_embedding(server: PostgresServer) -> None:
    place = server.url(server.database(), "changed")
    with made(place, indexes=["flat", "bm25"]) as kb:
        kb.add(documents(0, 300))
        before = found(kb).tolist()
        for spec in ("lsh", "hnsw:storage=half", "lsh:nbits=512", "lsh:nbits=512,factor=9", "flat", "lsh"):
            kb.reindex([spec, "bm25"])
            assert kb.indexes == (spec, "bm25")
            assert (len(segments(kb)) > 0) is spec.startswith("lsh")
            if spec != "hnsw:storage=half":
                assert found(kb).tolist() == before
            assert kb.verify().ok
        kb.reindex(["lsh"])  # without terms
        kb.remove("s3", purge=True)
        assert found(kb).tolist() == exact(kb).tolist()
        assert kb.verify().ok


def test_a_change_of_factor_builds_nothing(place: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 20))
        before = segments(kb)
        kb.reindex(["lsh:factor=9", "bm25"])
        assert segments(kb) == before


def test_a_reader_sees_what_another_process_commits(place: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 30))
        with KnowledgeBase.open(place, embedder=E) as reader:
            before = found(reader)
            with reader.view():
                assert np.array_equal(found(reader), before)
                kb.add(documents(30, 60))
                kb.remove("s3")
                assert np.array_equal(found(reader), before)  # one state for all of a question
            assert np.array_equal(found(reader, 100), exact(kb, 100))
            cache = reader._store._hashes  # type: ignore[attr-defined]
            assert cache.memory()["ids"] == 8 * 59
            first = cache._held.hashes.ids
            assert np.array_equal(found(reader), exact(reader))
            assert cache._held.hashes.ids is first  # nothing has changed, so nothing is read
            kb.add([*documents(61, 62)])
            assert np.array_equal(found(reader, 100), exact(kb, 100))
            kb.purge()
            assert np.array_equal(found(reader, 100), exact(kb, 100))
            kb.reindex(["lsh:nbits=128", "bm25"])
            assert np.array_equal(found(reader, 100), exact(kb, 100))


def test_an_older_view_is_answered_after_a_newer_one(place: str) -> None:
    """Threads of a reader share what is held: one is in a view of before, another asks for the newest."""
    with made(place) as kb:
        kb.add(documents(0, 30))
        with KnowledgeBase.open(place, embedder=E) as reader:
            store = reader._store
            with store.view():  # type: ignore[attr-defined]
                before = found(reader, 30)
                kb.remove("s3")
                with store._snapshots.reading() as held:  # type: ignore[attr-defined]
                    newest = KnowledgeBase.open(place, embedder=E)
                    with newest, newest._store._snapshots.reading() as other:  # type: ignore[attr-defined]
                        assert len(store._hashes.hashes(other).ids) == 29  # type: ignore[attr-defined]
                    assert len(store._hashes.hashes(held).ids) == 30  # type: ignore[attr-defined]
                assert np.array_equal(found(reader, 30), before)


def test_removed_chunks_are_not_candidates(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take the places of others."""
    monkeypatch.setattr(vectors, "_LEAST_HASHED", 1)
    with made(place) as kb:
        kb.add(documents(0, 40))
        best = exact(kb, 1)[:, 0]
        gone = [record.source for record in kb.chunks(np.unique(best))]
        kb.remove(*gone)
        ids = found(kb, 5, params={"factor": 1})
        assert (ids >= 0).all()
        assert not np.isin(ids, best).any()
        kb.purge()
        assert kb.verify().ok
        with kb._store._write().session() as db:  # type: ignore[attr-defined]
            assert db.one("select sum(chunks)::int8 from hashes") == 40 - len(gone)


def test_a_reader_keeps_its_connection(place: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 9))
    with KnowledgeBase.open(place, embedder=E) as reader:
        idle = reader._store._connections._idle  # type: ignore[attr-defined]
        found(reader)
        before = list(idle)
        assert len(before) == 1
        found(reader)
        assert idle == before


def test_segments_are_joined(place: str) -> None:
    with made(place) as kb:
        for n in range(0, 40, 2):
            kb.add(documents(n, n + 2))
        assert len(segments(kb)) < 10
        assert np.array_equal(found(kb, 60), exact(kb, 60))
        assert kb.verify().ok


def test_the_centre_is_taken_anew_when_there_are_many_more(place: str) -> None:
    with made(place) as kb:

        def centre() -> list[float]:
            with kb._store._write().session() as db:  # type: ignore[attr-defined]
                return hashes.hashing(db).centre.tolist()  # type: ignore[union-attr]

        kb.add(documents(0, 10))
        first = centre()
        kb.add(documents(10, 40))
        assert centre() == first
        kb.add(documents(40, 41))
        x = kb.vectors(kb.chunk_ids())
        np.testing.assert_allclose(centre(), (x / np.linalg.norm(x, axis=1, keepdims=True)).mean(axis=0), atol=1e-6)
        assert np.array_equal(found(kb, 60), exact(kb, 60))


def test_it_is_built_block_by_block(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_building, "_BLOCK", 7)
    monkeypatch.setattr(hash_building, "_SEGMENT", 20)
    with made(place) as kb:
        kb.add(documents(0, 50))
        kb.remove("s3", "s30")
        kb.reindex(["lsh:nbits=128", "bm25"])
        assert len(segments(kb)) == 3
        assert np.array_equal(found(kb, 60), exact(kb, 60))
        assert kb.verify().ok


def test_status_tells_bytes(place: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 30))
        told = next(each for each in kb.status().generations if each.spec == "lsh")
        assert told.memory == 30 * (8 + 32)
        assert told.bytes > told.memory
        assert sum(each.bytes for each in kb.status().generations) == kb.status().bytes["indexes"]


def test_it_is_copied_to_another_server_and_to_a_folder(server: PostgresServer, place: str, tmp_path: object) -> None:
    with made(place) as kb:
        kb.add(documents(0, 30))
        kb.remove("s3")
        scores = kb.dense().search(QUESTIONS, 40).scores
    second, folder = f"{place}2", f"{tmp_path}/kb"
    for start, end in ((place, second), (second, folder)):
        KnowledgeBase.copy(start, end)
        with KnowledgeBase.open(end, embedder=E) as kb:
            assert ("lsh" in kb.indexes) is (end == second)
            np.testing.assert_allclose(kb.dense().search(QUESTIONS, 40).scores, scores, atol=1e-6)
            assert kb.verify().ok


DAMAGE = {
    "update hashes set codes = set_bit(codes, 7, 1 - get_bit(codes, 7))": "damaged",
    "update hashes set codes = substr(codes, 2)": "damaged",
    "delete from hashes where segment = (select max(segment) from hashes)": "missing",
    "delete from hashing": "missing",
    "update hashing set centre = decode(repeat('000080bf', 32), 'hex')": "damaged",
    "update chunks set vector = (select vector from chunks where id = 9) where id = 3": "damaged",
    "insert into hashes select 10000, chunks, ids, codes, digest from hashes limit 1": "twice",
    """insert into hashes select 10000, 1, ids, codes, sha256(ids || codes) from
       (select decode('ffff000000000000', 'hex') as ids, substr(codes, 1, 32) as codes from hashes limit 1) x
    """: "strange",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", DAMAGE)
def test_damage_is_found_and_mended(server: PostgresServer, place: str, change: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 30))
        kb.add(documents(30, 40))
        before = exact(kb, 40).tolist()
    with psycopg.connect(server.url(place.partition("#")[0].rpartition("/")[2]), autocommit=True) as db:
        db.execute("set search_path to rag_team, public")
        db.execute(change)
    assert {(p.file, p.kind) for p in KnowledgeBase.check(place).problems} == {("lsh", DAMAGE[change])}
    assert KnowledgeBase.mend(place, embedder=E).rebuilt == ("lsh",)
    assert KnowledgeBase.check(place).ok
    with KnowledgeBase.open(place, embedder=E) as kb:
        assert found(kb, 40).tolist() == exact(kb, 40).tolist()
        assert len(before) == 20


def test_a_damaged_segment_is_refused(server: PostgresServer, place: str) -> None:
    with made(place) as kb:
        kb.add(documents(0, 30))
    with psycopg.connect(server.url(place.partition("#")[0].rpartition("/")[2]), autocommit=True) as db:
        db.execute("update rag_team.hashes set codes = substr(codes, 2)")
    with KnowledgeBase.open(place, embedder=E) as kb, pytest.raises(StoreCorrupt, match="rag repair"):
        found(kb)


@pytest.mark.slow
def test_auto_takes_hashes_where_the_graph_finds_too_little(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_EXACT_CHUNKS", 50)
    asked = []

    def told(index: vectors.PostgresVectors, *_: object) -> float:
        asked.append(index.name)
        return 1.0 if index.name == "lsh" else 0.9

    monkeypatch.setattr(recall, "of", told)
    with made(server.url(server.database(), "auto"), indexes=["auto", "bm25"]) as kb:
        kb.add(documents(0, 60))
        assert kb.indexes == ("lsh", "bm25")
        assert asked == ["hnsw"] * 3 + ["lsh"]
        kb.add(documents(60, 120))  # it stays: no graph is built only to be found wanting again
        assert kb.indexes == ("lsh", "bm25")
        assert len(asked) == 4
        assert kb.verify().ok


def test_hashes_are_compared_beside_the_search_of_terms(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that compares hashes must not keep the others from the snapshot, which belongs to one at a time."""
    with made(place) as kb:
        kb.add(documents(0, 60))
    nearest, lists, read, waited = Hashes.nearest, _Scorer.lists, threading.Event(), []

    def after_the_terms(*args: Any) -> Any:
        waited.append(read.wait(20))
        return nearest(*args)

    monkeypatch.setattr(_Scorer, "lists", lambda *args: (lists(*args), read.set())[0])
    with KnowledgeBase.open(place, embedder=E) as reader, Retriever(reader) as retriever:
        before = retriever.search("Number 7", 5)
        read.clear()
        monkeypatch.setattr(Hashes, "nearest", after_the_terms)
        monkeypatch.setattr(candidates, "_LONG", 1)
        after = retriever.search("Number 7", 5)
    assert waited == [True]
    assert [passage.chunk for passage in after.passages] == [passage.chunk for passage in before.passages]


def test_terms_that_are_known_are_searched_while_the_server_compares_vectors(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter's vectors are compared by one long statement, during which the snapshot is not to be had."""
    with made(place) as kb:
        kb.add(documents(0, 60))
    exactly, lists, read, waited = vectors.PostgresVectors._exactly, _Scorer.lists, threading.Event(), []

    def after_the_terms(*args: Any) -> Any:
        waited.append(read.wait(20))
        return exactly(*args)

    monkeypatch.setattr(_Scorer, "lists", lambda *args: (lists(*args), read.set())[0])
    with KnowledgeBase.open(place, embedder=E) as reader, Retriever(reader, where='document != "none"') as retriever:
        before = retriever.search("Number 7", 5)
        read.clear()
        monkeypatch.setattr(vectors.PostgresVectors, "_exactly", after_the_terms)
        monkeypatch.setattr(candidates, "_LONG", 1)
        after = retriever.search("Number 7", 5)
    assert waited == [True]
    assert [passage.chunk for passage in after.passages] == [passage.chunk for passage in before.passages]
