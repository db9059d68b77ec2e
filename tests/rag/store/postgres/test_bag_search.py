"""Search by pg_textsearch, at the tables: against the extension itself, which PGlite has, and our own index."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import pytest

import indexes
from indexes import IdSet
from rag.errors import InvalidInput, StoreUnwritable
from rag.filter_parser import parse
from rag.store.address import address
from rag.store.identity import Identity
from rag.store.postgres import bag_search, bag_texts, bag_verifying, reading, schema, textsearch
from rag.store.postgres.bag_search import BagSearch
from rag.store.postgres.connection import Connection, Snapshot, State
from rag.store.postgres.rows import name_key
from rag.store.postgres.vectors import FilteredIds
from rag.terms import Analyser
from tests.pglite_server import serving
from tests.postgres_server import needs_postgres

pytestmark = [needs_postgres, pytest.mark.slow]
PLACE = address("postgresql://postgres@127.0.0.1/postgres#team")
IDENTITY = Identity("x", "e", "", 2, "cosine", "document", "english", (), b"", "")
ANALYSER = Analyser("english")
OWN = textsearch.TextsearchBuild()
ODD = ["12e5", "3.14", "c++", "snake_case", "日本", "naïve", "a/b/c", "me@x.org", "0", "-7", "x" * 300, "", "\0", "été"]
COUNT = 160


def texts() -> list[str]:
    """Return texts of at most 39 terms, whose lengths the extension keeps as they are."""
    rng = random.Random(3)
    words = [f"{rng.choice('bcdfgklmnprst')}{rng.choice('aiou')}{rng.choice('bdgkmnpt')}{n}" for n in range(150)]
    weights = [1 / (n + 2) for n in range(150)]
    return [" ".join(rng.choices(words, weights, k=rng.randint(0, 36))) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def connected(port: int) -> Iterator[Connection]:
    """Connect; one session is all it has, so nothing is prepared."""
    given = f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"
    with Connection.connect(given, autocommit=True, prepare_threshold=None) as db:
        yield db


@pytest.fixture
def db(connected: Connection) -> Iterator[Connection]:
    connected.execute("select set_config('search_path', '\"rag_team\", public', false)")
    textsearch.check_extension(connected, PLACE)
    connected.execute("begin")
    schema.create(connected, PLACE, IDENTITY)
    connected.execute("commit")
    yield connected
    connected.execute("rollback")
    connected.execute("drop schema rag_team cascade")


def bags() -> list[list[str]]:
    made = [ANALYSER.terms(text) for text in texts()]
    for n, odd in enumerate(ODD):
        made[7 * n + 3] += [odd] * (1 + n % 3)
    return made


def filled(db: Connection) -> Ours:
    """Write documents of one chunk each, and their bags; return our own index of them."""
    with db.cursor() as cursor:
        for n in (0, 1):
            cursor.execute(
                "insert into sources values (%s, %s, %s, '', '', null, '', 1, 1, '{}')", (n, name_key(f"s{n}"), f"s{n}")
            )
        for n, text in enumerate(texts()):
            cursor.execute(
                "insert into documents values (%s, %s, %s, %s, '', '', null, '', '{}', '[]', %s, '[]', 'en')",
                (n, name_key(f"d{n}"), f"d{n}", n % 2, text),
            )
            cursor.execute("insert into facts values (%s, 'tenth', 2, null, %s)", (n, n % 10))
            cursor.execute(
                "insert into chunks values (%s, %s, 0, 0, 9, null, null, null, '{}', 1, '', '[1,0]', null, %s)",
                (n, n, text),
            )
    made = bags()
    textsearch.build(db, OWN)
    bag_texts.write(db, range(COUNT // 2), made[: COUNT // 2])
    bag_texts.write(db, range(COUNT // 2, COUNT), made[COUNT // 2 :])
    return Ours(range(COUNT), made)


class Ours:
    """Our own index of some of the bags."""

    def __init__(self, ids: range | list[int], made: list[list[str]]) -> None:
        self.index = indexes.terms("bm25:k1=0.9,b=0.4")
        self.index.build([made[i] for i in ids], list(ids))


class Lent:
    """Lends a snapshot of the one session that there is."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot]:
        self.db.execute("begin transaction isolation level repeatable read read only")
        chunks = self.db.one("select count(*) from bags")
        try:
            yield Snapshot(self.db, State(1, 1, (), "flat", chunks, 0, hidden=False))
        finally:
            self.db.execute("rollback")


def searching(db: Connection) -> BagSearch:
    return BagSearch(Lent(db), OWN, lambda: reading.chunk_ids(db))


def questions() -> list[list[str]]:
    rng = random.Random(5)
    vocabulary = sorted({term for bag in bags() for term in bag})
    return [rng.choices(vocabulary, k=rng.randint(1, 6)) for _ in range(10)] + [[odd] for odd in ODD]


def same(found: indexes.Hits, wanted: indexes.Hits) -> None:
    for ids, scores, others, values in zip(found.ids, found.scores, wanted.ids, wanted.scores, strict=True):
        order, places = np.argsort(ids), np.argsort(others)  # scores that are nearly the same have no order
        assert np.array_equal(ids[order], others[places])
        np.testing.assert_allclose(scores[order], values[places], rtol=2e-5)


def test_every_chunk_has_the_score_of_our_own_index(db: Connection) -> None:
    ours = filled(db)
    index = searching(db)
    assert len(index) == COUNT
    asked = [*questions(), [], ["unknown"]]
    same(index.search(asked, COUNT), ours.index.search(asked, COUNT))
    ids = np.array([150, 2, 17, 5, 151], np.int64)
    np.testing.assert_allclose(index.score(asked, ids), ours.index.score(asked, ids), rtol=2e-5)
    best = index.search(asked, 5)  # of equal scores at the end of a list any is right
    np.testing.assert_allclose(best.scores, ours.index.search(asked, 5).scores, rtol=2e-5)


def test_a_term_may_have_a_weight(db: Connection) -> None:
    ours = filled(db)
    index = searching(db)
    one, two = questions()[0][0], questions()[1][0]
    whole = [{one: 3.0, two: 1.0}, {one: 100.0, two: 7.0}]
    same(index.search(whole, COUNT), ours.index.search(whole, COUNT))
    parts = [{one: 0.5, two: 0.123}, {one: 1e-4, two: 1.0}, {one: 1000.0, two: 333.0}]
    ids = np.arange(COUNT)
    np.testing.assert_allclose(index.score(parts, ids), ours.index.score(parts, ids), rtol=0.01, atol=0.04)
    with pytest.raises(InvalidInput, match="negative"):
        index.search([{one: -1.0}], 3)
    with pytest.raises(indexes.UnknownParameter):
        index.search([[one]], 3, params={"k1": 1.0})


def test_many_weighted_terms_are_all_counted(db: Connection) -> None:
    ours = filled(db)
    many = {term: 1.0 + n % 2 / 3 for n, term in enumerate(sorted({term for bag in bags() for term in bag}))}
    assert len(many) > 140
    ids = np.arange(COUNT)
    np.testing.assert_allclose(searching(db).score([many], ids), ours.index.score([many], ids), rtol=0.1)


@pytest.mark.parametrize(("exact", "most"), [(1000, 10**6), (3, 10**6), (3, 20)])
def test_filters_are_exact(db: Connection, monkeypatch: pytest.MonkeyPatch, exact: int, most: int) -> None:
    """However they are answered: chunk by chunk, by the ranking, or by all that hold a term."""
    monkeypatch.setattr(bag_search, "EXACT_UP_TO", exact)
    monkeypatch.setattr(bag_search, "MOST", most)
    ours = filled(db)
    index = searching(db)
    db.execute("insert into settings values ('hidden:s1', '1')")
    asked = questions()
    for where in (None, parse("tenth == 4"), parse("tenth < 3 or tenth == 8")):
        ids = reading.allowed_ids(db, where)
        assert 0 < len(ids) < COUNT
        for allow in (FilteredIds(ids, where), IdSet(ids), ids):
            wanted = ours.index.search(asked, len(ids), allow=ids)
            same(index.search(asked, len(ids), allow=allow), wanted)
            np.testing.assert_allclose(index.search(asked, 3, allow=allow).scores, wanted.scores[:, :3], rtol=2e-5)
    assert (index.search(asked, 3, allow=IdSet([])).ids == -1).all()


def test_counts_the_chunks_that_hold_a_term(db: Connection) -> None:
    ours = filled(db)
    wanted = ours.index.frequencies()
    found = searching(db).frequencies()
    assert {term: found[term] for term in ODD} == {term: wanted[term] for term in ODD}
    assert "unknown" not in found
    assert dict(found) == {term: n for term, n in wanted.items() if len(term) <= 200}


def test_what_is_removed_is_not_found_and_counts_until_tables_are_written_anew(db: Connection) -> None:
    filled(db)
    index, asked = searching(db), questions()
    before = index.search(asked, COUNT)
    gone, left = list(range(0, COUNT, 3)), [n for n in range(COUNT) if n % 3]
    bag_texts.remove(db, gone)
    found = index.search(asked, COUNT)
    assert not np.isin(found.ids, gone).any()
    for own, was, scores, values in zip(found.ids, before.ids, found.scores, before.scores, strict=True):
        same(indexes.Hits(own[None, own >= 0], scores[None, own >= 0]), _only(was, values, left))
    db.execute("vacuum (full, analyze) bags")
    same(index.search(asked, COUNT), Ours(left, bags()).index.search(asked, COUNT))


def _only(ids: np.ndarray, scores: np.ndarray, left: list[int]) -> indexes.Hits:  # type: ignore[type-arg]
    keep = np.isin(ids, left)
    return indexes.Hits(ids[None, keep], scores[None, keep])


def test_verifies_bags_and_index(db: Connection) -> None:
    made = [ANALYSER.terms(text) for text in texts()]
    filled(db)
    bag_texts.remove(db, range(COUNT))
    bag_texts.write(db, range(COUNT), made)

    def problems() -> set[tuple[str, int]]:
        found = bag_verifying.problems(db, "bm25", lambda: ANALYSER, searching(db), list(range(0, COUNT, 8)))
        return {(each.kind, each.count) for each in found}

    assert problems() == set()
    bag_texts.remove(db, [8, 11])
    bag_texts.write(db, [999], [["no", "chunk"]])
    db.execute("update bags set terms = terms || ' w1more' where chunk = 16")
    assert problems() == {("missing", 2), ("strange", 1), ("damaged", 1)}
    textsearch.drop(db)
    bag_texts.write(db, range(COUNT), made)
    assert problems() == {("missing", 1)}  # the index
    textsearch.build(db, OWN)
    assert problems() == set()


def test_a_version_that_is_too_old_is_refused(db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textsearch, "LEAST", (9, 0))
    with pytest.raises(StoreUnwritable, match=r"has pg_textsearch 1\.5\.1: install pg_textsearch"):
        textsearch.check_extension(db, PLACE)
