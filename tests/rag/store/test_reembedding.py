"""Re-embedding: the same knowledge base with another model; the old one serves until the new one is whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.cli import run
from pipelines.ingest import Options, ingest
from rag import Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.errors import EmbedderError, StoreMissing
from tests.rag.store.stepping import killed_at, spread, steps_of

OLD, NEW = HashingEmbedder(32), HashingEmbedder(64)


def documents() -> list[Document]:
    return [
        Document.from_text(
            f"Heron number {n} waits for fish{n % 7}. The reeds hide nest{n % 5} well.",
            id=f"b{n}",
            source=f"s{n // 3}",
            n=n,
        )
        for n in range(30)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with KnowledgeBase.create(tmp_path / "kb", embedder=OLD, chunker="sentences:16/0", indexes=["hnsw", "bm25"]) as kb:
        kb.add(documents(), stamp="mark")
        kb.hide("s3")
        kb.keep_setting("pipeline", "k = 7\n")
        kb.keep_setting("calibration:extractive", "{}")
    return tmp_path / "kb"


def answers(kb: KnowledgeBase) -> list[list[tuple[str, int, float]]]:
    found = Retriever(kb, k=7).search_many(["heron 4 fish", "nest in the reeds", "number 21"])
    return [[(p.document, p.start, round(p.score, 4)) for p in each.passages] for each in found]


def fresh(folder: Path) -> list[list[tuple[str, int, float]]]:
    with KnowledgeBase.create(folder, embedder=NEW, chunker="sentences:16/0", indexes=["hnsw", "bm25"]) as kb:
        kb.add(documents())
        kb.hide("s3")
        return answers(kb)


def test_it_answers_as_one_made_with_the_new_model_and_keeps_what_is_known(path: Path, tmp_path: Path) -> None:
    with KnowledgeBase.open(path, embedder=OLD) as kb:
        before, sources = kb.status(), kb.sources()
    report = KnowledgeBase.reembed(path, NEW)
    assert (report.added, report.chunks, report.embedded) == (30, before.chunks, before.chunks)
    with KnowledgeBase.open(path, embedder=NEW) as kb:
        assert kb.dim == 64
        assert answers(kb) == fresh(tmp_path / "fresh")
        assert kb.sources() == sources
        assert (kb.status().hidden, kb.setting("pipeline")) == (("s3",), "k = 7\n")
        assert kb.setting("calibration:extractive") is None
        assert kb.verify().ok
        assert not kb.verify().leftovers
        assert kb.document("b7").metadata["n"] == 7
    assert KnowledgeBase.reembed(path, NEW).unchanged == 30  # nothing to do


@pytest.mark.slow
def test_readers_keep_the_old_one_until_they_refresh_and_are_told_then(path: Path) -> None:
    with KnowledgeBase.open(path, embedder=OLD) as reader, KnowledgeBase.open(path, embedder=OLD) as late:
        before = answers(reader)
        KnowledgeBase.reembed(path, NEW)
        assert answers(reader) == before
        with pytest.raises(StoreMissing, match="open it again"):
            answers(late)  # its indexes were not loaded yet, and are gone
        for act in (reader.refresh, reader.refresh, reader.document_ids):
            with pytest.raises(StoreMissing, match="open it again"):
                act()


class Failing(HashingEmbedder):
    """Fails after some texts."""

    def __init__(self, dim: int, last: int) -> None:
        super().__init__(dim)
        self.left, self.texts = last, 0

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.texts and len(texts) > 1 and self.texts + len(texts) > self.left:
            raise RuntimeError("no power")
        self.texts += len(texts)
        return super().embed_passages(texts)


def test_a_run_that_failed_goes_on_and_the_old_one_serves_meanwhile(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.store.pipeline.FIRST_BATCH_TEXTS", 8)
    monkeypatch.setattr("rag.store.pipeline.BATCH_TEXTS", 8)
    with pytest.raises(EmbedderError, match="no power"):
        KnowledgeBase.reembed(path, Failing(64, last=20))
    with KnowledgeBase.open(path, mode="w", embedder=OLD) as kb:  # a writer between leaves the work
        assert kb.dim == 32
        assert kb.verify().leftovers == (".reembedding",)
        kb.remove("s9")
    again = Failing(64, last=10_000)
    report = KnowledgeBase.reembed(path, again)
    assert report.unchanged > 0
    assert 0 < report.embedded < 30
    with KnowledgeBase.open(path, embedder=NEW) as kb:
        assert set(kb.document_ids()) == {f"b{n}" for n in range(27)}
        assert "s9" not in kb.sources()
        assert kb.verify().ok


def test_a_purge_clears_what_a_failed_run_left(path: Path) -> None:
    with pytest.raises(EmbedderError):
        KnowledgeBase.reembed(path, Failing(64, last=0))
    assert (path / ".reembedding").exists()
    with KnowledgeBase.open(path, mode="w", embedder=OLD) as kb:
        kb.remove("s1")
        kb.purge()
    assert b"number 4 waits" not in b"".join(f.read_bytes() for f in path.rglob("*") if f.is_file())


def test_another_language_embeds_nothing(path: Path) -> None:
    report = KnowledgeBase.reembed(path, analyser="german")
    assert (report.added, report.embedded) == (30, 0)
    with KnowledgeBase.open(path, embedder=OLD) as kb:
        assert kb.analyser.language == "german"
        assert kb.verify().ok


def test_the_next_ingest_reads_no_file_again(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for n in range(3):
        (docs / f"{n}.md").write_text(f"---\nn: {n}\n---\n# Birds\n\nHeron number {n} waits.")
    ingest([docs], tmp_path / "kb", options=Options(embedder=OLD))
    KnowledgeBase.reembed(tmp_path / "kb", NEW, granularity="chunk+sentence", chunker="tokens:64/8")
    report = ingest([docs], tmp_path / "kb", options=Options(embedder=NEW))
    assert (report.unchanged_files, report.added, report.changed) == (3, 0, 0)


def test_the_command_says_what_it_did(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reembed", str(path), "--embedder", "hashing-64"]) == 0
    assert "30 documents made anew" in capsys.readouterr().out
    assert run(["reembed", str(path), "--embedder", "hashing-64"]) == 0
    assert "made with that already" in capsys.readouterr().out
    assert run(["search", str(path), "heron"]) == 0


@pytest.mark.slow
def test_killed_at_any_step_it_is_the_old_one_or_the_new_one_and_goes_on(path: Path, tmp_path: Path) -> None:
    import shutil

    def work_on(place: Path) -> None:
        KnowledgeBase.reembed(place, NEW)

    want = fresh(tmp_path / "fresh")
    with KnowledgeBase.open(path, embedder=OLD) as kb:
        before = answers(kb)
    shutil.copytree(path, tmp_path / "counted")
    steps = steps_of(lambda: work_on(tmp_path / "counted"))
    seen = set()
    for step in spread(steps, 24):
        place = tmp_path / f"at{step}"
        shutil.copytree(path, place)
        killed_at(lambda place=place: work_on(place), step)  # type: ignore[misc]
        with KnowledgeBase.open(place) as kb:
            made_with = kb.status().identity["embedder"]
            assert answers(kb) == (before if made_with == "hashing-32" else want), step
        seen.add(made_with)
        KnowledgeBase.reembed(place, NEW)
        with KnowledgeBase.open(place, mode="w", embedder=NEW) as kb:
            assert answers(kb) == want, step
            assert kb.verify().ok
        shutil.rmtree(place)
    assert seen == {"hashing-32", "hashing-64"}
