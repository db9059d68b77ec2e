"""Hidden sources: stored, ingested, and found by no search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ingest import Options, ingest
from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Retriever

OPTIONS = Options(embedder=HashingEmbedder(32))


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32), indexes=["hnsw", "bm25"]) as base:
        base.add(Document.from_text(f"Heron number {n} waits for fish.", id=f"birds/{n}", n=n) for n in range(8))
        base.add([Document.from_text("Badgers dig setts.", id="badgers")])
        yield base


def found(kb: KnowledgeBase, where: str | None = None, **choices: str) -> set[str]:
    with Retriever(kb, rewrite="none", k=20, **choices) as retriever:
        return {passage.document for passage in retriever.retrieve("heron fish badgers", where=where)}


EVERY = {*(f"birds/{n}" for n in range(8)), "badgers"}


def test_no_search_finds_what_is_hidden_until_it_is_shown_again(kb: KnowledgeBase) -> None:
    assert kb.allowed(None) is None
    assert kb.hide("birds/3") == 1
    for fusion in ("zscore", "dense", "terms"):
        assert found(kb, fusion=fusion) == EVERY - {"birds/3"}
    assert found(kb, "n >= 2 and n <= 4") == {"birds/2", "birds/4"}
    assert not Bot(kb, where="n == 3", threshold=0.0).ask("Which heron waits for fish?").passages
    assert kb.document("birds/3").text.startswith("Heron")
    assert kb.status().hidden == ("birds/3",)
    assert kb.unhide("birds/3") == 1
    assert found(kb) == EVERY
    assert kb.allowed(None) is None
    assert kb.hide("nowhere") == 0


def test_a_folder_is_hidden_whole_and_a_removed_source_is_forgotten(kb: KnowledgeBase) -> None:
    assert kb.hide("birds") == 8
    assert found(kb) == {"badgers"}
    kb.remove("birds/1")
    kb.add([Document.from_text("Heron again.", id="birds/1")])
    assert found(kb) == {"badgers", "birds/1"}


def test_readers_see_it_after_a_refresh_and_a_changed_document_stays_hidden(kb: KnowledgeBase) -> None:
    with KnowledgeBase.open(kb.path, embedder=HashingEmbedder(32)) as reader:
        assert found(reader) == EVERY
        kb.hide("badgers")
        kb.add([Document.from_text("Badgers dig setts with many rooms.", id="badgers")])
        assert reader.refresh()
        assert found(reader) == EVERY - {"badgers"}
        kb.unhide("badgers")
        assert reader.refresh()
        assert found(reader) == EVERY


def test_a_hidden_file_stays_hidden_where_it_is_moved_to(tmp_path: Path) -> None:
    docs, folder = tmp_path / "docs", tmp_path / "kb"
    docs.mkdir()
    (docs / "a.txt").write_text("Otters swim at night.")
    (docs / "b.txt").write_text("Badgers dig setts.")
    ingest([docs], folder, options=OPTIONS)
    with KnowledgeBase.open(folder, mode="w", embedder=HashingEmbedder(32)) as kb:
        kb.hide(str(docs / "a.txt"))
    (docs / "a.txt").rename(docs / "c.txt")
    assert ingest([docs], folder, options=OPTIONS).moved == 1
    with KnowledgeBase.open(folder, embedder=HashingEmbedder(32)) as kb:
        assert kb.status().hidden == (str(docs / "c.txt"),)
        assert found(kb) == {str(docs / "b.txt")}


def damaged(kb: KnowledgeBase, text: bytes) -> Path:
    """Close it and flip a bit of the page that holds a text."""
    path = kb.path
    kb.close()
    data = bytearray((path / "store.sqlite").read_bytes())
    page = next(n for n in range(1, len(data) // 4096) if text in data[n * 4096 : (n + 1) * 4096])
    data[page * 4096 + 2000] ^= 0xFF
    (path / "store.sqlite").write_bytes(data)
    return path


def test_repair_keeps_what_is_hidden(kb: KnowledgeBase) -> None:
    kb.hide("badgers")
    path = damaged(kb, b"number 5 waits")
    report = KnowledgeBase.mend(path, embedder=HashingEmbedder(32))
    assert (report.salvaged, report.settings_lost) == (True, False)
    with KnowledgeBase.open(path, mode="w", embedder=HashingEmbedder(32)) as again:
        again.add([Document.from_text("Badgers dig setts.", id="badgers")])  # if its page was hit as well
        assert "badgers" not in found(again)


def test_repair_says_that_it_does_not_know_any_more_what_was_hidden(kb: KnowledgeBase) -> None:
    kb.hide("badgers")
    for n in range(40):  # so that the settings fill pages of their own
        kb.keep_setting(f"hidden:{n:02}", "x" * 1500)
    path = damaged(kb, b"setting:hidden:20")
    report = KnowledgeBase.mend(path, embedder=HashingEmbedder(32))
    assert report.settings_lost
    assert any("hidden documents are not known" in line for line in report.done)
