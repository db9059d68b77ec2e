"""What ``verify`` finds and ``repair`` mends in PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from rag.knowledge_base import KnowledgeBase
from rag.store import postings_search
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, answers, document
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = needs_postgres
E = HashingEmbedder(DIM)
DAMAGE = {
    "update documents set text = 'other' where id = 3": {("documents", "digest"), ("documents", "span")},
    "update chunks set text = 'other' where id = 3": {
        ("documents", "span"),
        ("documents", "vector"),
        ("bm25", "missing"),
    },
    "update chunks set key = 'x' where id = 3": {("documents", "vector")},
    "update chunks set document = 999 where id = 3": {("chunks", "reference"), ("documents", "span")},
    "delete from sentences where chunk = 3": {("documents", "vector")},
    "delete from postings where term = 'number'": {("bm25", "damaged"), ("bm25", "missing")},
    "update postings set blob = substr(blob, 9) where term = 'number'": {("bm25", "damaged"), ("bm25", "missing")},
    "update state set terms = terms + 1": {("bm25", "damaged")},
    "delete from documents where id = 3": {
        ("sources", "lost documents"),
        ("chunks", "reference"),
        ("facts", "reference"),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("change", DAMAGE)
def test_damage_is_found_and_mended(server: PostgresServer, place: str, change: str) -> None:
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk+sentence") as kb:
        kb.add(document(n) for n in range(8))
        before = answers(kb)
    with psycopg.connect(server.url(place.partition("#")[0].rpartition("/")[2]), autocommit=True) as db:
        db.execute("set search_path to rag_team, public")
        db.execute(change)
    found = KnowledgeBase.check(place)
    assert {(p.file, p.kind) for p in found.problems} == DAMAGE[change]
    done = KnowledgeBase.mend(place, embedder=E)
    assert KnowledgeBase.check(place).problems == (), done
    with KnowledgeBase.open(place, mode="w", embedder=E) as kb:
        kb.add(document(n) for n in range(8))
        assert kb.document_ids() == [f"d{n}" for n in range(8)]
        assert _scores(answers(kb)) == _scores(before)


@pytest.mark.slow
def test_a_tree_that_has_lost_an_entry_is_found_where_amcheck_is_and_built_anew(
    server: PostgresServer, place: str
) -> None:
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
        kb.add(document(n) for n in range(8))
    with psycopg.connect(server.url(place.partition("#")[0].rpartition("/")[2]), autocommit=True) as db:
        db.execute("set search_path to rag_team, public")
        ready = "update pg_index set indisready = %s where indexrelid = 'settings_pkey'::regclass"
        db.execute(ready, (False,))
        db.execute("insert into settings values ('kept', 'but not found')")
        db.execute(ready, (True,))
        assert KnowledgeBase.check(place).ok  # there is nothing to look with
        db.execute("create extension amcheck schema public")
    with KnowledgeBase.open(place, embedder=E) as kb:
        found = kb.verify().problems
        assert [(p.file, p.kind) for p in found] == [("settings_pkey", "damaged")]
        assert "settings_pkey" in found[0].detail
        assert kb.document_ids()  # the connection goes on
    assert KnowledgeBase.mend(place, embedder=E).rebuilt == ("settings_pkey",)
    assert KnowledgeBase.check(place).ok


def _scores(found: dict[str, Any]) -> dict[str, Any]:
    """Return answers without the last bits of scores."""
    return {
        name: rows if "documents" in name else [{k: round(v, 4) for k, v in row.items()} for row in rows]
        for name, rows in found.items()
    }


def test_segments_are_joined_and_find_the_same(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings_search, "_SMALLEST", 300)
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
        for n in range(40):
            kb.add([document(n)])
        with kb._store._write().session() as db:  # type: ignore[attr-defined]
            assert db.one("select count(*) from segments") < 20
        before = answers(kb)
        kb.remove("s4")
        kb.repair()
        left = answers(kb)
        assert kb.verify().ok
        kb.purge()
        with kb._store._write().session() as db:  # type: ignore[attr-defined]
            assert db.one("select count(*) from segments") == 1
            assert db.one("select count(*) from removed") == 0
        assert answers(kb) == left != before


def test_a_purge_that_is_cut_short_is_finished_by_the_next_writer(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
        kb.add([document(1), document(2)])
        with monkeypatch.context() as patch:
            patch.setattr("rag.store.postgres.maintenance.purge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                kb.remove("folder/s0", purge=True)
        assert kb.status().purge_due
        assert kb.status().orphans == 1
    KnowledgeBase.open(place, mode="w").close()
    with KnowledgeBase.open(place) as kb:
        assert not kb.status().purge_due
        assert kb.status().orphans == 0


def test_purged_bytes_are_gone(server: PostgresServer, place: str) -> None:
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
        kb.add([document(1, text="Zanzibarquagga in the text"), document(2)])
        kb.remove("folder/s0", purge=True)
        with kb._store._write().session() as db:  # type: ignore[attr-defined]
            db.execute("checkpoint")
    data = server.folder / "data" / "base"
    assert not [f for f in data.rglob("*") if f.is_file() and b"Zanzibarquagga" in f.read_bytes()]
