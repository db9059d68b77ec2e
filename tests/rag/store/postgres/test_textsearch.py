"""The index bm25:engine=pg_textsearch: its spec, and what a knowledge base does with it.

The server of these tests has no such extension. A stand-in for its operator, which scores in SQL, and an index of
another kind let all that is around them be tested: proof of the extension's own work is in test_bag_search.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rag import Retriever
from rag.errors import InvalidInput, StoreUnwritable
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.several import KnowledgeBases
from rag.store.postgres import bag_verifying, textsearch
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, QUESTIONS, WORDS, StoreContract, answers, document
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = needs_postgres
SPEC = "bm25:engine=pg_textsearch"
BOTH = ["flat", SPEC]
E = HashingEmbedder(DIM)
STAND_IN = """set check_function_bodies = off;
create type bm25query as (terms text, index text);
create function to_bm25query(text, text) returns bm25query language sql immutable as 'select row($1, $2)::bm25query';
create function scored(text, bm25query) returns float8 language sql stable set enable_seqscan = off as $$
    select -coalesce(sum(asked.times * ln(1 + (n.chunks - df.held + .5) / (df.held + .5))
        * 1.9 * own.times / (own.times + .9 * (.6 + .4 * length.terms * n.chunks / n.terms::float8))), 0)
    from state n,
        (select word, count(*) as times from unnest(string_to_array(($2).terms, ' ')) word group by word) asked
        join (select word, count(*) as times from unnest(string_to_array($1, ' ')) word group by word) own using (word),
        (select cardinality(string_to_array($1, ' ')) as terms) length,
        lateral (select count(*) as held from bags where string_to_array(terms, ' ') @> array[word]) df $$;
create operator <@> (leftarg = text, rightarg = bm25query, function = scored);
"""


@pytest.fixture
def stood_in(server: PostgresServer, place: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a place whose database has the stand-in."""
    database = place.partition("#")[0].rpartition("/")[2]
    with psycopg.connect(server.url(database), autocommit=True) as db:
        db.execute(STAND_IN)  # type: ignore[arg-type]

    def build(db: Any, own: textsearch.TextsearchBuild) -> None:
        assert own == textsearch.TextsearchBuild() or own.k1 == 1.5
        db.execute(f"create index {textsearch.INDEX} on bags using gin (string_to_array(terms, ' '))")

    monkeypatch.setattr(textsearch, "check_extension", lambda *_: None)
    monkeypatch.setattr(textsearch, "build", build)
    monkeypatch.setattr(bag_verifying, "_finds", lambda *_: True)  # 200 searches, each of which scores all chunks
    return place


def made(place: str, **own: Any) -> KnowledgeBase:
    given = {"embedder": E, "chunker": "document", "granularity": "chunk", "indexes": BOTH, **own}
    return KnowledgeBase.create(place, **given)


# ---- the spec ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (SPEC, SPEC),
        (f"{SPEC},k1=0.9,b=0.4", SPEC),
        ("bm25:b=0.75, k1=1.2, engine=pg_textsearch", f"{SPEC},k1=1.2,b=0.75"),
        ("bm25:k1=1.2", "bm25:k1=1.2"),
    ],
)
def test_a_spec_is_written_in_one_way(spec: str, text: str) -> None:
    assert textsearch.terms_spec(spec) == text


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (f"{SPEC},k1=0", r"k1.*range \[0\.1, 10\]"),
        (f"{SPEC},b=x", "b.*range"),
        (f"{SPEC},variant=lucene", "variant"),
        ("bm25:engine=rank-bm25", "variants lucene, robertson"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(spec: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        textsearch.terms_spec(spec)


def test_a_folder_has_no_such_index(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="pg_textsearch"):
        made(str(tmp_path / "kb"))


# ---- a server without it ----------------------------------------------------------------------------------------


def test_a_server_without_the_extension_says_how_to_get_it(place: str) -> None:
    told = "has no pg_textsearch: install pg_textsearch 1.5 or newer, name it in shared_preload_libraries"
    with pytest.raises(StoreUnwritable, match=told):
        made(place)
    assert not KnowledgeBase.exists(place)
    with made(place, indexes=["flat", "bm25"]) as kb:
        kb.add([document(1), document(2)])
        before = answers(kb)
        with pytest.raises(StoreUnwritable, match=told):
            kb.reindex(BOTH)
        assert kb.indexes == ("flat", "bm25")
        assert answers(kb) == before
        assert kb.verify().ok


# ---- around the stand-in ----------------------------------------------------------------------------------------


@pytest.mark.slow
class TestAroundTheStandIn(StoreContract):
    """The contract of stores, with this index wherever a test names none."""

    place = None

    @pytest.fixture(name="place")
    def _place(self, stood_in: str) -> str:
        return stood_in

    @contextmanager
    def made(self, place: str | Path, granularity: str = "chunk", **own: Any) -> Iterator[KnowledgeBase]:
        specs = {"indexes": BOTH if isinstance(place, str) else ["flat", "bm25:k1=0.9,b=0.4"]}
        with super().made(place, granularity, **{**specs, **own}) as kb:
            yield kb


@pytest.mark.slow
def test_goes_over_to_it_and_back(stood_in: str, tmp_path: Path) -> None:
    with made(stood_in, indexes=["flat", "bm25:k1=0.9,b=0.4"]) as kb:
        kb.add(document(n) for n in range(12))
        before = _scores(answers(kb))
        kb.reindex(BOTH)
        assert kb.indexes == tuple(BOTH)
        assert _held(kb, "bags") == 12
        assert _held(kb, "postings") == 0
        assert _scores(answers(kb)) == before
        assert kb.status().generations[1].bytes > 0
        kb.reindex(["flat", f"{SPEC},k1=1.5"])
        assert kb.indexes == ("flat", f"{SPEC},k1=1.5")
        assert kb.verify().ok
        kb.reindex(["flat", "bm25:k1=0.9,b=0.4"])
        assert _held(kb, "bags") == 0
        assert _scores(answers(kb)) == before
        kb.reindex(["flat"])
        kb.reindex(BOTH)
        kb.remove("s0")
        assert _held(kb, "bags") == 11
        kb.purge()
        assert kb.verify().ok
    KnowledgeBase.copy(stood_in, tmp_path / "kb")
    with KnowledgeBase.open(tmp_path / "kb", embedder=E) as kb:
        assert kb.indexes == ("flat", "bm25")


@pytest.mark.slow
def test_a_folder_is_copied_into_it(stood_in: str, tmp_path: Path) -> None:
    with made(str(tmp_path / "kb"), indexes=["flat", "bm25:k1=0.9,b=0.4"]) as kb:
        kb.add(document(n) for n in range(12))
        before = _scores(answers(kb))
    KnowledgeBase.copy(tmp_path / "kb", stood_in, indexes=BOTH)
    with KnowledgeBase.open(stood_in, embedder=E) as kb:
        assert kb.verify().ok
        assert _scores(answers(kb)) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ("delete from bags where chunk = 3", {"missing"}),
        ("insert into bags values (99, 'w1otter')", {"strange"}),
        ("update bags set terms = 'w1other' where chunk = 3", {"damaged"}),
        (f"drop index {textsearch.INDEX}", {"missing"}),
        ("update state set terms = terms + 1", {"damaged"}),
    ],
)
def test_damage_is_found_and_mended(server: PostgresServer, stood_in: str, change: str, kinds: set[str]) -> None:
    with made(stood_in) as kb:
        kb.add(document(n) for n in range(8))
        before = answers(kb)
    with psycopg.connect(server.url(stood_in.partition("#")[0].rpartition("/")[2]), autocommit=True) as db:
        db.execute(f"set search_path to rag_team, public; {change}")  # type: ignore[arg-type]
    found = KnowledgeBase.check(stood_in)
    assert {(p.file, p.kind) for p in found.problems} == {(SPEC, kind) for kind in kinds}
    assert KnowledgeBase.mend(stood_in, embedder=E).rebuilt == (SPEC,)
    assert KnowledgeBase.check(stood_in).problems == ()
    with KnowledgeBase.open(stood_in, embedder=E) as kb:
        assert answers(kb) == before


def test_several_knowledge_bases_weigh_terms_by_all_of_them(stood_in: str, tmp_path: Path) -> None:
    with (
        made(stood_in) as one,
        made(str(tmp_path / "two"), indexes=["flat", "bm25:k1=0.9,b=0.4"]) as two,
        made(str(tmp_path / "three"), indexes=["flat", "bm25:k1=0.9,b=0.4"]) as three,
    ):
        one.add(document(n) for n in range(9))
        three.add(document(n) for n in range(9))
        two.add(document(n) for n in range(9, 14))
        asked = [[one.analyser.terms(word)[0], "number"] for word in WORDS[:4]]
        mixed = KnowledgeBases({"a": one, "b": two}).index("terms").search(asked, 10)
        ours = KnowledgeBases({"a": three, "b": two}).index("terms").search(asked, 10)
        assert mixed.scores == pytest.approx(ours.scores, rel=0.02)


def test_hybrid_search_takes_its_scores_as_they_are(stood_in: str, tmp_path: Path) -> None:
    with made(stood_in) as one, made(str(tmp_path / "kb"), indexes=["flat", "bm25:k1=0.9,b=0.4"]) as two:
        for kb in (one, two):
            kb.add(document(n) for n in range(20))
        for asked in QUESTIONS[:3]:
            found, wanted = (Retriever(kb).retrieve(asked, k=5) for kb in (one, two))
            assert [p.document for p in found] == [p.document for p in wanted]
            assert [p.score for p in found] == pytest.approx([p.score for p in wanted], rel=1e-3)


def _held(kb: KnowledgeBase, table: str) -> int:
    with kb._store._write().session() as db:  # type: ignore[attr-defined]
        return int(db.one(f"select count(*) from {table}"))


def _scores(found: dict[str, Any]) -> dict[str, Any]:
    """Return answers without the last bits of scores."""
    return {
        name: rows if "documents" in name else [{k: round(v, 3) for k, v in row.items()} for row in rows]
        for name, rows in found.items()
    }
