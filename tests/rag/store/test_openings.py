"""A search keeps the view that it began with, whatever `refresh` does beside it; nothing is left open."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.background import in_background
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.errors import StoreMissing
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.store import database

E = HashingEmbedder(16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with KnowledgeBase.create(tmp_path / "kb", embedder=E, granularity="chunk+sentence") as kb:
        kb.add([Document.from_text(f"Text {i} of topic{i}.", id=f"d{i}") for i in range(30)])
    return tmp_path / "kb"


@pytest.fixture
def kb(folder: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(folder, embedder=E) as base:
        yield base


def change(folder: Path, text: str = "another thing") -> None:
    with KnowledgeBase.open(folder, mode="w", embedder=E) as writer:
        writer.remove(writer.document_ids()[0])
        writer.add([Document.from_text(text, id=text)])


READS = ("allowed", "dense", "index", "chunks")


@pytest.mark.slow
@pytest.mark.parametrize("name", READS)
def test_refresh_between_any_two_steps_of_a_search_is_harmless(
    folder: Path, kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    retriever = Retriever(kb, k=3)
    expected = [p.document for p in retriever.retrieve("topic5", where='document != "zz"')]
    step: Callable[..., Any] = getattr(KnowledgeBase, name)

    def refreshed_before(self: KnowledgeBase, *given: Any, **named: Any) -> Any:
        monkeypatch.setattr(KnowledgeBase, name, step)
        change(folder, "topic5 in other words")
        refreshing = threading.Thread(target=self.refresh)
        refreshing.start()
        refreshing.join()
        return step(self, *given, **named)

    monkeypatch.setattr(KnowledgeBase, name, refreshed_before)
    assert [p.document for p in retriever.retrieve("topic5", where='document != "zz"')] == expected
    monkeypatch.setattr(KnowledgeBase, name, step)
    kb.refresh()
    assert "topic5 in other words" in [p.document for p in retriever.retrieve("topic5", k=30)]


def test_threads_search_while_others_refresh_and_write(folder: Path, kb: KnowledgeBase) -> None:
    retriever = Retriever(kb, k=5)
    over, errors, searches = threading.Event(), [], [0]

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            while not over.is_set():
                try:
                    work()
                except Exception as error:
                    errors.append(repr(error))

        return run

    def search() -> None:
        passages = retriever.retrieve("topic7 of text")
        searches[0] += 1
        assert len(passages) == 5

    threads = [threading.Thread(target=guarded(search)) for _ in range(3)]
    threads.append(threading.Thread(target=guarded(lambda: (kb.refresh(), over.wait(0.05)))))
    for thread in threads:
        thread.start()
    for number in range(8):
        change(folder, f"words {number} of topic7")
    over.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert searches[0] > 0
    kb.refresh()
    assert "words 7 of topic7" in kb.document_ids()


@pytest.mark.slow
def test_old_views_close_with_their_last_reader(folder: Path, kb: KnowledgeBase) -> None:
    def opened() -> int:
        links = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
        return sum(link.endswith("store.sqlite") for link in links)

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    counts = []
    for number in range(6):
        with kb.view():
            seq = kb.seq
            change(folder, f"text {number}")
            refreshing = threading.Thread(target=kb.refresh)
            refreshing.start()
            refreshing.join()
            assert kb.seq == seq
            assert in_background(lambda: kb.seq).result() == seq  # threads that it starts keep it too
            with kb.view():
                assert kb.seq == seq
        assert kb.seq > seq
        counts.append(opened())
    assert counts[-1] == counts[1]  # SQLite keeps one file to use again
    assert not kb.refresh()


@pytest.mark.parametrize("searching", [False, True])
def test_a_purge_ends_beside_a_reader_that_moves_on(
    folder: Path, kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, *, searching: bool
) -> None:
    """A server moves on by the clock, whether somebody searches at that moment or not: here, before each try."""
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    real = database.checkpoint

    def later(db: Any) -> bool:
        if searching:  # each search is over some time
            with kb.view():
                seq = kb.seq
                in_background(kb.refresh).result()
                assert kb.seq == seq
        else:
            kb.refresh()
        return real(db)

    Retriever(kb).retrieve("topic1")
    with KnowledgeBase.open(folder, mode="w", embedder=E) as writer:
        writer.remove("d3")
        monkeypatch.setattr(database, "checkpoint", later)
        with kb.view():
            in_background(kb.refresh).result()
        writer.purge()
    assert b"topic3." not in b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert len(Retriever(kb, k=50).retrieve("topic1")) == 29


@pytest.mark.slow
def test_a_view_that_nothing_keeps_moves_itself(folder: Path, kb: KnowledgeBase) -> None:
    opening = kb._store.openings.now
    change(folder)
    assert kb.refresh()
    assert kb._store.openings.now is opening


def test_a_folder_deleted_or_made_anew_under_a_reader_is_said(folder: Path, kb: KnowledgeBase) -> None:
    Retriever(kb).retrieve("topic1")
    shutil.rmtree(folder)
    with pytest.raises(StoreMissing, match="deleted or made anew since it was opened; open it again"):
        kb.refresh()
    with KnowledgeBase.create(folder, embedder=E, granularity="chunk+sentence") as new:
        new.add([Document.from_text("Other words.", id="n")])
    with pytest.raises(StoreMissing, match="made anew"):
        kb.refresh()


def test_an_index_of_another_knowledge_base_is_never_searched(folder: Path) -> None:
    with KnowledgeBase.open(folder, embedder=E) as kb:
        shutil.rmtree(folder)
        with KnowledgeBase.create(folder, embedder=E, granularity="chunk+sentence") as new:
            new.add([Document.from_text("Other words.", id="n")])
        with pytest.raises(StoreMissing, match="made anew"):
            Retriever(kb).retrieve("topic1")


def test_where_the_process_goes_does_not_matter(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "elsewhere"
    there.mkdir()
    shutil.copytree(folder, there / "kb")
    monkeypatch.chdir(tmp_path)
    with KnowledgeBase.open("kb", mode="w", embedder=E) as writer, KnowledgeBase.open("kb", embedder=E) as reader:
        monkeypatch.chdir(there)
        writer.add([Document.from_text("A new one.", id="n")])
        writer.reindex(["hnsw", "bm25"])
        reader.refresh()
        assert "n" in [p.document for p in Retriever(reader, k=5).retrieve("new one")]
    assert KnowledgeBase.check(there / "kb").ok
    assert KnowledgeBase.check(folder).ok
    with KnowledgeBase.open(there / "kb", embedder=E) as other:
        assert other.indexes == ("flat", "bm25")
