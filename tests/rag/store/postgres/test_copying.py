"""A copy of a folder takes the terms that the folder's index has, in large commits that are all there or not."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from rag import KnowledgeBase
from rag.errors import StoreUnavailable
from rag.store import copying, exporting
from rag.store.address import address
from rag.store.postgres.connection import Connection, connect
from rag.terms import Analyser
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, document
from tests.postgres_server import PostgresServer, needs_postgres
from tests.rag.store.postgres.test_faults import end_sessions

pytestmark = needs_postgres


def folder(path: Path, documents: int = 12) -> Path:
    with KnowledgeBase.create(path, embedder=HashingEmbedder(DIM), chunker="document", granularity="chunk") as kb:
        kb.add(document(n) for n in range(documents))
        kb.add([document(3, text="Otters sleep in the kelp.")])
    return path


def postings(place: str) -> list[Any]:
    db = connect(address(place))
    try:
        return [
            *db.rows("select term, df, blob from postings order by term, segment"),
            *db.rows("select id, terms from chunks order by id"),
            *db.rows("select chunks, terms from state"),
        ]
    finally:
        db.close()


def noted(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Note which texts are analysed."""
    many = Analyser.terms_many

    def analyse(self: Analyser, given: Iterable[str]) -> list[list[str]]:
        every = list(given)
        texts.extend(every)
        return many(self, every)

    monkeypatch.setattr(Analyser, "terms_many", analyse)


def test_terms_are_those_of_the_folder_and_none_is_analysed_again(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, copied, analysed = folder(tmp_path / "kb"), server.url(server.database(), "a"), server.url(server.database(), "b")  # fmt: skip  # noqa: E501
    texts: list[str] = []
    with monkeypatch.context() as patch:
        noted(texts, patch)
        KnowledgeBase.copy(source, copied)
    assert len(texts) == 1  # of the change that the folder's own index has not saved
    with monkeypatch.context() as patch:
        patch.setattr(copying, "_terms", lambda _: None)
        KnowledgeBase.copy(source, analysed)
    assert postings(copied) == postings(analysed)
    with KnowledgeBase.open(copied) as kb:
        assert kb.verify().ok


@pytest.mark.parametrize(("frozen", "done"), [(0, ["freeze", "unfreeze"]), (5, [])])
def test_the_index_is_left_out_of_the_search_for_garbage_until_the_end(
    monkeypatch: pytest.MonkeyPatch, frozen: int, done: list[str]
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(gc, "get_freeze_count", lambda: frozen)
    for name in ("freeze", "unfreeze"):
        monkeypatch.setattr(gc, name, lambda name=name: calls.append(name))
    with copying._what_is_there_uncollected() as leave_out:
        leave_out()
    assert calls == done


@pytest.mark.parametrize("lacks", ["generation", "chunk"])
def test_what_the_index_lacks_is_analysed(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:  # fmt: skip  # noqa: E501
    source = folder(tmp_path / "kb")
    if lacks == "generation":
        for file in source.glob("generations/*bm25*/rows.npy"):
            file.write_bytes(b"damage")
    else:
        take = copying._terms

        def without(old: Any) -> Any:
            terms = take(old)
            assert terms is not None
            terms._index.remove([int(terms._index.ids()[0])])
            return terms

        monkeypatch.setattr(copying, "_terms", without)
    KnowledgeBase.copy(source, place)
    with KnowledgeBase.open(place) as kb:
        assert kb.verify().ok
        assert len(kb.chunk_ids()) == 12


@pytest.mark.slow
def test_a_copy_that_ends_at_any_step_goes_on_to_the_same_end(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_CHUNKS", 2)
    monkeypatch.setattr(copying, "_COMMIT", 5)
    monkeypatch.setattr(exporting, "_BLOCK", 2)
    source = folder(tmp_path / "kb")
    execute, copy = Connection.execute, Connection.cursor
    for step in itertools.count(1, 9):
        place, left = server.url(server.database(), "team"), step

        def ending(self: Connection, *args: Any, method: Any, place: str = place, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                end_sessions(server, place)
            return method(self, *args, **kwargs)

        KnowledgeBase.copy(folder(tmp_path / f"empty{step}", 0), place)
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "execute", lambda *a, **k: ending(*a, method=execute, **k))
            patch.setattr(Connection, "cursor", lambda *a, **k: ending(*a, method=copy, **k))
            try:
                KnowledgeBase.copy(source, place)
                cut = False
            except StoreUnavailable:
                cut = True
        with KnowledgeBase.open(place) as kb:
            there = len(kb.chunk_ids())
            assert kb.verify().ok, step
        again = KnowledgeBase.copy(source, place)
        with KnowledgeBase.open(source) as one, KnowledgeBase.open(place) as two:
            assert again.added + there >= 12 == len(two.chunk_ids()) == two.status().chunks, step
            assert two.sources() == one.sources(), step
            assert two.verify().ok, step
        if not cut:
            break
    assert step > 20
