"""What can go wrong between here and the server: nothing is lost or doubled, and errors come typed and in time."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from tcp_proxy import proxy

from rag.deadlines import Deadline
from rag.documents.document import Document
from rag.errors import DeadlinePassed, StoreCorrupt, StoreLocked, StoreMismatch, StoreMissing, StoreUnavailable
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.store.postgres import schema
from rag.store.postgres.connection import Connection
from rag.store.writing import DocumentWriter, Prepared, SourceEnd
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, document
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = needs_postgres
E = HashingEmbedder(DIM)
SOON_S = 30.0  # generous: only that it ends counts, far below the limits that it would run into


def made(place: str, **own: Any) -> KnowledgeBase:
    return KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk", **own)


def opened(place: str, **own: Any) -> KnowledgeBase:
    return KnowledgeBase.open(place, embedder=E, **own)


@contextmanager
def soon() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SOON_S


def other(server: PostgresServer, place: str) -> psycopg.Connection[Any]:
    """Connect beside the knowledge base."""
    return psycopg.connect(server.url(place.partition("#")[0].rpartition("/")[2]), autocommit=True)


def end_sessions(server: PostgresServer, place: str) -> None:
    own = "from pg_stat_activity where application_name like 'rag %'"
    with other(server, place) as db:
        db.execute(f"select pg_terminate_backend(pid) {own}")
        while db.execute(f"select count(*) {own}").fetchone() != (0,):
            time.sleep(0.01)


# ---- on the way ------------------------------------------------------------------------------------------------


def test_a_refused_port_is_told_without_the_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"postgresql://me:secret@127.0.0.1:{free.getsockname()[1]}/db#team"
        with soon(), pytest.raises(StoreUnavailable, match=r"me@127\.0\.0\.1") as found:
            KnowledgeBase.open(place)
    assert "secret" not in str(found.value)


def test_a_listener_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, soon(), pytest.raises(StoreUnavailable, match="timeout"):
        KnowledgeBase.open(f"postgresql://me@127.0.0.1:{deaf.getsockname()[1]}/db?connect_timeout=2#team")


@pytest.mark.slow
def test_a_proxy_that_falls_silent_is_given_up(server: PostgresServer, place: str) -> None:
    with made(place) as kb:
        kb.add([document(1)])
    with proxy(server.port) as between:
        behind = place.replace(str(server.port), str(between.port)).replace("#", "?connect_timeout=2#")
        with opened(behind) as kb, Retriever(kb) as retriever:
            assert retriever.retrieve("otter")
            for db in kb._store._snapshots._idle:  # type: ignore[attr-defined]
                db.limit_s = 1.0
            kb._store._snapshots._limit_s = 1.0  # type: ignore[attr-defined]
            between.silent.set()
            with soon(), pytest.raises(DeadlinePassed):
                retriever.search("otter", deadline=Deadline.after(0.2))
            with soon(), pytest.raises(StoreUnavailable):
                kb.document_ids()
            between.silent.clear()
            assert kb.document_ids() == ["d1"]


def test_a_pooler_is_refused_by_name(server: PostgresServer, place: str) -> None:
    made(place).close()

    def own_key(said: bytes) -> bytes:  # a pooler gives clients keys of its own: K, length, pid, secret
        at = said.find(b"K\0\0\0")
        if at < 0:
            return said
        pid = struct.unpack_from(">I", said, at + 5)[0]
        return said[: at + 5] + struct.pack(">I", pid + 1) + said[at + 9 :]

    with proxy(server.port, own_key) as pooler:
        for mode in ("r", "w"):
            with pytest.raises(StoreMismatch, match=r"pooler such as PgBouncer"):
                opened(place.replace(str(server.port), str(pooler.port)), mode=mode)


# ---- the server ------------------------------------------------------------------------------------------------


def test_a_reader_outlives_its_sessions(server: PostgresServer, place: str) -> None:
    with made(place) as kb:
        kb.add([document(1)])
    with opened(place) as kb:
        assert kb.document_ids() == ["d1"]
        end_sessions(server, place)
        assert kb.document_ids() == ["d1"]


def test_a_writer_that_lost_its_session_writes_no_more(server: PostgresServer, place: str) -> None:
    with made(place) as kb:
        kb.add([document(1)])
        end_sessions(server, place)
        with opened(place, mode="w") as second:  # the lock went with the session
            second.add([document(2)])
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match=r"again"):
                    kb.add([document(3)])
            assert second.document_ids() == ["d1", "d2"]
            assert second.verify().ok


def _steps(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each statement of an ``add`` that changes, removes and adds."""
    said: list[str] = []
    execute = Connection.execute

    def noted(self: Connection, query: Any, *args: Any, **kwargs: Any) -> Any:
        said.append(str(query))
        return execute(self, query, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "execute", noted)
        kb.add(_second())
    return said


def _first() -> list[Document]:
    return [Document(f"s#{n}", f"Otter number {n} sleeps.", source="s") for n in range(3)] + [document(7)]


def _second() -> list[Document]:
    return [Document(f"s#{n}", f"Otter number {n} wakes.", source="s") for n in range(1, 5)] + [document(8)]


def _state(kb: KnowledgeBase) -> dict[str, str]:
    return {name: kb.document(name).text for name in kb.document_ids()}


@pytest.mark.slow
def test_a_commit_that_ends_at_any_step_is_all_or_nothing(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh() -> str:
        place = server.url(server.database(), "team")
        with made(place) as kb:
            kb.add(_first())
        return place

    with opened(fresh(), mode="w") as kb:
        before = _state(kb)
        statements = len(_steps(kb, monkeypatch))
        after = _state(kb)
    assert statements > 5
    place = fresh()
    for step in range(statements):
        with opened(place, mode="w") as kb:
            left = step
            execute = Connection.execute

            def ending(self: Connection, *args: Any, execute: Any = execute, place: str = place, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left == -1:
                    end_sessions(server, place)
                return execute(self, *args, **kwargs)

            with monkeypatch.context() as patch:
                patch.setattr(Connection, "execute", ending)
                with pytest.raises(StoreUnavailable):
                    kb.add(_second())
        with opened(place) as kb:
            found = _state(kb)
            assert found in (before, after), step
            assert kb.verify().ok, step
        if found == after:
            place = fresh()
    with opened(place, mode="w") as kb:
        kb.add(_second())
        assert _state(kb) == after
        assert kb.verify().ok


def test_a_commit_whose_answer_is_lost_is_not_made_twice(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(place) as kb:
        execute = Connection.execute

        def lost(self: Connection, query: Any, *args: Any, **kwargs: Any) -> Any:
            found = execute(self, query, *args, **kwargs)
            if query == "commit":
                self.pgconn.finish()
                raise psycopg.OperationalError("the answer is lost")
            return found

        with monkeypatch.context() as patch:
            patch.setattr(Connection, "execute", lost)
            with pytest.raises(StoreUnavailable, match="lost"):
                kb.add(_first())
    with opened(place, mode="w") as kb:
        again = kb.add(_first())
        assert (again.added, again.unchanged) == (0, 4)
        assert kb.status().chunks == len(kb.chunk_ids()) == 4
        assert kb.verify().ok


def test_a_batch_that_comes_twice_counts_once(place: str) -> None:
    with made(place) as kb:
        given = document(1)
        chunks = kb.chunker.chunk(given)
        keys = [kb._store.identity.key(f"{n}") for n in range(len(chunks))]
        vectors = {key: (E.embed_passages([key.hex()])[0].tobytes(), None) for key in keys}
        steps = [Prepared(given, given.digest(), chunks, keys, [[] for _ in chunks]), SourceEnd(given.source, True)]
        writing = kb._store.writing()
        for _ in range(2):
            writing.apply(DocumentWriter(""), steps, vectors)
        assert len(kb.chunk_ids()) == len(chunks) == kb.status().chunks
        assert kb.document_ids() == ["d1"]


@pytest.mark.slow
def test_the_server_is_killed_while_documents_come_in() -> None:
    """Three kills at other moments; what was acknowledged is there, and the ingest goes on to the same end."""
    from tests.postgres_server import serving

    with serving() as server:
        place = server.url(server.database(), "team")
        made(place).close()
        safe: list[str] = []
        for after in (1, 2, 3):
            commits = 0

            def kill(stored: list[str], after: int = after) -> None:
                nonlocal commits
                safe.extend(stored)
                commits += 1
                if commits == after:
                    server.kill()

            with pytest.raises(StoreUnavailable), opened(place, mode="w") as kb:
                kb.add((document(n) for n in range(5000)), on_commit=kill)
            server.restart()
            with opened(place) as kb:
                assert set(safe) <= set(kb.document_ids())
                assert kb.verify().ok
        with opened(place, mode="w", wait=30) as kb:
            kb.add(document(n) for n in range(5000))
            assert len(kb.document_ids()) == 5000 == len(set(kb.document_ids()))
            assert kb.verify().ok


# ---- what is there ---------------------------------------------------------------------------------------------


def test_the_holder_of_the_lock_is_named(place: str) -> None:
    with made(place), pytest.raises(StoreLocked, match=r"rag \d+@"):
        opened(place, mode="w")


def test_a_creation_that_ends_early_has_made_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "select nonsense"))
        with pytest.raises(StoreUnavailable):
            made(place)
    assert not KnowledgeBase.exists(place)
    made(place).close()


def test_older_formats_are_brought_up_to_date_and_newer_ones_refused(
    server: PostgresServer, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with made(place) as kb:
        kb.add([document(1)])
    newer = (*schema.MIGRATIONS, "alter table sources add column colour text not null default 'red'")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", newer)
        patch.setattr(schema, "FORMAT", len(newer))
        with opened(place) as kb:
            assert kb.document_ids() == ["d1"]
        opened(place, mode="w").close()
        with other(server, place) as db:
            assert db.execute("select colour from rag_team.sources").fetchall() == [("red",)]
    with pytest.raises(StoreMismatch, match=f"format {len(newer)}, this version knows up to {schema.FORMAT}"):
        opened(place)


FIRST_FORMAT = """alter table postings drop constraint postings_pkey;
    alter table postings add primary key (term, segment);
    create index postings_segment on postings (segment); drop index chunks_document;
    create index chunks_document on chunks (document, ordinal);"""
BEFORE_HASHES = "drop table hashing, hashes, bags; update meta set value = '{}' where key = 'format'"


@pytest.mark.parametrize(("taken", "back"), [(1, FIRST_FORMAT), (3, "")])
def test_older_formats_are_read_and_grow(server: PostgresServer, place: str, taken: int, back: str) -> None:
    with made(place) as kb:
        kb.add([document(1)])
    with other(server, place) as db:
        db.execute(f"set search_path to rag_team, public; {back} {BEFORE_HASHES.format(taken)}")
    with opened(place) as kb:  # a reader changes nothing
        assert len(kb.index("terms").search([["number"]], 5).row(0)[0]) == 1
        assert kb.status().chunks == 1
        assert kb.verify().ok
    with opened(place, mode="w") as kb:
        assert kb.status().identity["format"] == str(schema.FORMAT)
        kb.add([document(2)])
        assert len(kb.index("terms").search([["number"]], 5).row(0)[0]) == 2
        kb.reindex(["lsh", "bm25"])
        assert len(kb.dense().search(kb.embedder.embed_queries(["otter"]), 5).row(0)[0]) == 2
        assert kb.verify().ok


def test_a_database_in_another_encoding_is_refused(server: PostgresServer) -> None:
    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute("create database ascii encoding 'SQL_ASCII' template template0 locale 'C'")
    with pytest.raises(StoreMismatch, match="SQL_ASCII"):
        made(server.url("ascii", "team"))


def test_a_knowledge_base_that_is_dropped_is_missing(server: PostgresServer, place: str) -> None:
    made(place).close()
    with opened(place) as kb:
        with other(server, place) as db:
            db.execute("drop schema rag_team cascade")
        with pytest.raises(StoreMissing):
            kb.document_ids()


def test_an_identity_that_makes_no_sense_is_damage(server: PostgresServer, place: str) -> None:
    made(place).close()
    with other(server, place) as db:
        db.execute("update rag_team.meta set value = '{}' where key = 'identity'")
    with pytest.raises(StoreCorrupt, match="identity"):
        opened(place)


def test_a_writer_that_was_closed_is_in_nobodys_way(server: PostgresServer, place: str) -> None:
    held = threading.Event()

    def slow_farewell(said: bytes) -> bytes:  # the server hears of a closed session late
        if said.startswith(b"X\0\0\0\x04"):
            held.wait(60)
        return said

    with proxy(server.port, ask=slow_farewell) as way:
        made(place.replace(str(server.port), str(way.port))).close()
        opened(place, mode="w").close()
        held.set()
