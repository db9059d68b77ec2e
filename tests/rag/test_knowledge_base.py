"""The knowledge base as a user sees it: what goes in comes out, once, up to date, and as exact search finds it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from timing import within

from rag.documents.document import Document, context_text
from rag.documents.sections import Section
from rag.embedding import CallableEmbedder, HashingEmbedder
from rag.errors import (
    EmbedderError,
    InvalidInput,
    StoreCorrupt,
    StoreExists,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
)
from rag.knowledge_base import AddProgress, KnowledgeBase
from rag.store import pipeline
from rag.terms import Analyser

CHUNKER = "sentences:16/0"


class Counting(HashingEmbedder):
    """Counts the texts it embeds."""

    def __init__(self, dim: int = 32) -> None:
        super().__init__(dim)
        self.texts: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return super().embed_passages(texts)


def note(n: int, text: str = "", **facts: object) -> Document:
    words = text or f"The heron number{n} stands in the reeds. It waits for fish{n % 3} all day long."
    return replace(Document.from_text(words, id=f"n{n}", title=f"Heron {n}"), **facts)  # type: ignore[arg-type]


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    with KnowledgeBase.create(tmp_path / "kb", embedder=Counting(), chunker=CHUNKER) as base:
        base.embedder.texts.clear()  # type: ignore[attr-defined]
        yield base


def embedded(kb: KnowledgeBase) -> list[str]:
    texts = kb.embedder.texts  # type: ignore[attr-defined]
    found = list(texts)
    texts.clear()
    return found


def check_whole(kb: KnowledgeBase) -> None:
    """Store and indexes hold the same, and searching is what exact search over the store's own vectors finds."""
    ids = kb.chunk_ids()
    assert kb.verify().problems == ()
    for family in ("dense", "terms"):
        assert kb.index(family).ids().tolist() == ids.tolist()
    if not len(ids):
        return
    vectors = kb.vectors(ids).astype(np.float64)
    queries = HashingEmbedder(kb.dim).embed_queries(["heron number3", "fish1 all day", "reeds"])
    hits = kb.index("dense").search(queries, 5)
    for i, query in enumerate(queries.astype(np.float64)):
        exact = np.sort(vectors @ query)[::-1][:5]
        np.testing.assert_allclose(hits.row(i)[1], exact, atol=1e-5)


# ---- in and out -----------------------------------------------------------------------------------------------


def test_a_document_comes_back_as_it_went_in(kb: KnowledgeBase) -> None:
    text = "Intro words here. " * 5 + "Second part of it. " * 5
    sections = (Section(0, 90, ("Top", "Intro"), 1), Section(90, len(text), ("Top", "日本"), 2))
    given = Document(
        "a/b.pdf#x",
        text,
        "a/b.pdf",
        "A title",
        "pdf",
        sections,
        {"n": 3, "f": 0.5, "b": True, "z": None, "é": "ü"},
        12.5,
        "ab" * 32,
        "/x/a/b.pdf",
    )
    kb.add([given])
    assert kb.document("a/b.pdf#x") == given
    assert kb.sources()["a/b.pdf"].sha256 == "ab" * 32
    assert kb.sources()["a/b.pdf"].complete
    for record in kb.chunks(kb.chunk_ids()):
        assert text[record.start : record.end] == record.text
        assert record.metadata == dict(given.metadata)
        assert (record.document, record.source, record.title, record.type) == ("a/b.pdf#x", "a/b.pdf", "A title", "pdf")
    expected = kb.chunker.chunk(given)
    records = kb.chunks(kb.chunk_ids())
    assert [(c.start, c.end, c.text, c.heading, c.page) for c in expected] == [
        (r.start, r.end, r.text, r.heading, r.page) for r in records
    ]
    assert [r.ordinal for r in records] == list(range(len(expected)))
    texts = [context_text("A title", c.heading, c.text) for c in expected]
    np.testing.assert_array_equal(kb.vectors(kb.chunk_ids()), HashingEmbedder(32).embed_passages(texts))


def test_terms_are_those_of_title_heading_and_text(kb: KnowledgeBase) -> None:
    kb.add([Document("d", "Plain words only.", "d", "Zanzibar", sections=(Section(0, 17, ("Quokka",)),))])
    for word in ("zanzibar", "quokka", "plain"):
        hits = kb.index("terms").search([Analyser().terms(word)], 3)
        assert kb.chunks(hits.row(0)[0])[0].document == "d"


def test_the_order_asked_for_is_the_order_given(kb: KnowledgeBase) -> None:
    kb.add([note(n) for n in range(10)])
    ids = kb.chunk_ids()[::-1][[3, 0, 5, 3]]
    assert [record.id for record in kb.chunks(ids)] == ids.tolist()
    np.testing.assert_array_equal(kb.vectors(ids)[0], kb.vectors([ids[3]])[0])
    for call in (kb.chunks, kb.vectors):
        with pytest.raises(InvalidInput, match="987654"):
            call([ids[0], 987654])
    with pytest.raises(InvalidInput, match="no document 'nope'"):
        kb.document("nope")


# ---- adding again ---------------------------------------------------------------------------------------------


def test_adding_again_embeds_only_what_is_new(kb: KnowledgeBase) -> None:
    first = kb.add([note(n) for n in range(30)])
    assert (first.added, first.changed, first.unchanged, first.removed) == (30, 0, 0, 0)
    assert first.chunks == len(kb.chunk_ids())
    assert first.embedded == len(embedded(kb)) == first.chunks
    before, seq = kb.chunk_ids().tolist(), kb.seq
    again = kb.add([note(n) for n in range(30)])
    assert (again.added, again.changed, again.unchanged, again.chunks, again.embedded) == (0, 0, 30, 0, 0)
    assert embedded(kb) == []
    assert kb.chunk_ids().tolist() == before
    assert kb.seq == seq
    changed = note(3, "The heron number3 stands in the reeds. Only this sentence is another one, quite another.")
    third = kb.add([changed])
    assert (third.added, third.changed, third.unchanged) == (0, 1, 0)
    assert len(embedded(kb)) == third.embedded == third.chunks - 1, "the first sentence was embedded before"
    assert kb.document("n3") == changed
    assert min(c.id for c in kb.chunks(kb.chunk_ids()) if c.document == "n3") > max(before), "ids are used once"
    check_whole(kb)


def test_equal_texts_are_embedded_once(kb: KnowledgeBase) -> None:
    same = [Document.from_text("Exactly the same words everywhere.", id=f"d{n}") for n in range(1500)]
    report = kb.add(same)
    assert report.chunks == 1500
    assert len(embedded(kb)) == report.embedded == 1
    assert kb.status().embeddings == 1


def test_facts_alone_can_change(kb: KnowledgeBase) -> None:
    kb.add([note(1, modified=5.0)])
    seq = kb.seq
    assert len(kb.allowed("modified < 6")) == 2
    assert kb.add([note(1, modified=7.0)]).unchanged == 1
    assert kb.document("n1").modified == 7.0
    assert kb.seq > seq
    assert len(kb.allowed("modified < 6")) == 0
    report = kb.add([note(1, modified=7.0, metadata={"k": 1})])
    assert (report.changed, report.embedded) == (1, 0)
    kb.add([note(1, modified=7.0, metadata={"k": 1}, source_sha256="cd" * 32)])
    assert kb.sources()["n1"].sha256 == "cd" * 32, "bytes that give the same document need no reading again either"


def test_documents_that_a_source_gives_no_more_are_removed(kb: KnowledgeBase) -> None:
    def rows(*numbers: int) -> list[Document]:
        return [note(n, source="table.csv") for n in numbers]

    kb.add([*rows(1, 2, 3), note(9)])
    report = kb.add([*rows(2, 4)])
    assert (report.added, report.unchanged, report.removed) == (1, 1, 2)
    assert kb.document_ids() == ["n2", "n4", "n9"]
    assert kb.sources()["table.csv"].documents == 2
    check_whole(kb)


class Failure:
    """What loaders yield for what they cannot read."""

    def __init__(self, source: str) -> None:
        self.source = source


def test_a_source_that_was_read_in_part_loses_nothing_and_is_incomplete(kb: KnowledgeBase) -> None:
    zipped = [note(n, source="z.zip") for n in range(3)]
    kb.add(zipped)
    report = kb.add([zipped[0], Failure("z.zip#two"), note(7), Failure("other.pdf")])
    assert (report.removed, report.added) == (0, 1)
    assert len(kb.document_ids()) == 4
    assert not kb.sources()["z.zip"].complete
    assert kb.sources()["n7"].complete
    kb.add(zipped)
    assert kb.sources()["z.zip"].complete


def test_an_id_belongs_to_one_source(kb: KnowledgeBase) -> None:
    report = kb.add([note(1), note(1, source="other"), note(2), note(2), note(3)])
    assert report.added == 3
    assert [(f.document, f.source, f.reason) for f in report.failures] == [
        ("n1", "other", "taken"),
        ("n2", "n2", "repeated"),
    ]
    assert kb.document("n1").source == "n1"
    assert kb.document_ids() == ["n1", "n2", "n3"]
    assert "other" not in kb.sources()
    check_whole(kb)


def test_a_document_without_words_counts(kb: KnowledgeBase) -> None:
    report = kb.add([Document("empty", "", "empty"), Document("blank", " \n ", "blank"), note(1)])
    assert (report.added, report.chunks) == (3, 2)
    assert kb.document_ids() == ["blank", "empty", "n1"]
    assert kb.document("empty").text == ""
    assert kb.add([Document("empty", "", "empty")]).unchanged == 1


def test_a_document_without_source_is_its_own(kb: KnowledgeBase) -> None:
    kb.add([Document("a", "First text here.")])
    kb.add([Document("b", "Second text here.")])
    assert kb.document_ids() == ["a", "b"]
    assert kb.document("a").source == "a"


@pytest.mark.parametrize(
    "text",
    ["half \ud800 pair", "nul \0 inside", "\u202eRTL מִלָּה", "👩‍👩‍👧 " * 50, "a" * 50_000, "\ufeffbom", "e\u0301" * 999],
)
def test_any_text_can_be_kept(kb: KnowledgeBase, text: str) -> None:
    document = Document(text[:50] or "x", text, metadata={text[:20]: text}, title=text[:99])
    kb.add([document, note(1)])
    assert len(kb.document_ids()) == 2
    stored = kb.document(kb.add([document]).unchanged and next(i for i in kb.document_ids() if i != "n1"))
    assert stored.text == text.replace("\ud800", "\ufffd")
    assert "".join(stored.text.split())[:1000] in "".join("".join(c.text.split()) for c in kb.chunks(kb.chunk_ids()))
    check_whole(kb)


def test_batches_are_acknowledged_as_they_go(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BATCH_TEXTS", 20)
    monkeypatch.setattr(pipeline, "FIRST_BATCH_TEXTS", 10)
    commits: list[list[str]] = []
    told: list[AddProgress] = []
    held: list[int] = []

    def commit(ids: list[str]) -> None:
        commits.append(ids)
        with KnowledgeBase.open(kb.path) as reader:  # what is acknowledged, another process sees
            held.append(len(reader.document_ids()))

    report = kb.add([note(n) for n in range(100)], on_commit=commit, on_progress=told.append)
    assert [i for ids in commits for i in ids] == [f"n{n}" for n in range(100)]
    assert held == np.cumsum([len(ids) for ids in commits]).tolist()
    assert len(commits) > 8
    assert (told[-1].documents, told[-1].chunks, told[-1].embedded) == (100, report.chunks, report.embedded)
    check_whole(kb)


def test_memory_holds_a_few_batches_only(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BATCH_TEXTS", 20)
    given, stored = 0, 0
    ahead = []

    def stream():
        nonlocal given
        for n in range(300):
            given += 1
            ahead.append(given - stored)
            yield note(n)

    def commit(ids: list[str]) -> None:
        nonlocal stored
        stored += len(ids)

    monkeypatch.setattr(pipeline, "FIRST_BATCH_TEXTS", 20)
    kb.add(stream(), on_commit=commit)
    assert max(ahead) <= 4 * 20, "documents were read far ahead of what was written"


# ---- embedders that fail --------------------------------------------------------------------------------------


def wrong_count(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.ones((len(texts) - (len(texts) > 3), 4), np.float32) / 2


def not_finite(texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = np.ones((len(texts), 4), np.float32) / 2
    vectors[["bad" in text for text in texts]] = np.nan
    return vectors


class Raw:
    """An embedder without any check of its own."""

    name, revision, dim = "raw", "1", 4

    def __init__(self, function) -> None:
        self.function = function
        self.tokenizer = HashingEmbedder().tokenizer

    def embed_passages(self, texts):
        return self.function(texts)

    embed_queries = embed_passages


@pytest.mark.parametrize("function", [wrong_count, not_finite])
def test_wrong_vectors_are_refused_and_nothing_shifts(
    tmp_path: Path, function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FIRST_BATCH_TEXTS", 3)
    with KnowledgeBase.create(tmp_path / "kb", embedder=Raw(function), chunker="document") as kb:
        with pytest.raises(EmbedderError, match=r"'raw', texts 3 to"):
            kb.add([Document(f"d{n}", "bad" if n == 5 else f"text {n}") for n in range(9)])
        assert kb.document_ids() == ["d0", "d1", "d2"], "what was acknowledged before stays, nothing else"
        assert kb.verify().ok


def test_an_embedder_that_raises_is_named(tmp_path: Path) -> None:
    def broken(texts: Sequence[str]) -> NDArray[np.float32]:
        if len(texts) == 2:
            raise MemoryError("no room")
        return np.eye(len(texts), 4, dtype=np.float32)

    with KnowledgeBase.create(tmp_path / "kb", embedder=Raw(broken), chunker="document") as kb:
        with pytest.raises(EmbedderError, match=r"'raw' failed on the batch of 2 texts.*no room"):
            kb.add([Document("a", "x"), Document("b", "y")])
        assert kb.document_ids() == []


def test_a_stream_that_breaks_leaves_what_was_acknowledged(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "FIRST_BATCH_TEXTS", 4)
    monkeypatch.setattr(pipeline, "BATCH_TEXTS", 4)
    done: list[str] = []

    def stream():
        yield from (note(n) for n in range(40))
        raise ZeroDivisionError("loader")

    with pytest.raises(ZeroDivisionError):
        kb.add(stream(), on_commit=done.extend)
    assert kb.document_ids() == sorted(done)
    assert len(done) > 20
    check_whole(kb)
    assert kb.add([note(n) for n in range(40)]).added == 40 - len(done)


# ---- removing -------------------------------------------------------------------------------------------------


def test_remove_takes_a_source_or_a_folder(kb: KnowledgeBase) -> None:
    kb.add([note(n, source=f"{'docs/a' if n < 3 else 'docs/ab'}/{n}.md") for n in range(6)])
    assert kb.remove("docs/a/0.md") == 1
    assert kb.remove("docs/a") == 2
    assert kb.remove("docs/a") == 0
    assert kb.remove("ocs") == 0
    assert sorted(kb.sources()) == [f"docs/ab/{n}.md" for n in (3, 4, 5)]
    assert kb.remove("docs/") == 3
    assert len(kb.chunk_ids()) == 0
    check_whole(kb)
    assert kb.index("terms").search([["heron"]], 3).ids.tolist() == [[-1, -1, -1]]


def test_prune_removes_what_vanished_from_the_given_folders(kb: KnowledgeBase, tmp_path: Path) -> None:
    files = [tmp_path / folder / f"{n}.txt" for folder in ("one", "two") for n in range(3)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    kb.add([note(i, source=f"{f.parent.name}/{f.name}", location=str(f)) for i, f in enumerate(files)])
    kb.add([note(77)])
    for file in (files[0], files[3]):
        file.unlink()
    assert kb.prune([tmp_path / "one"]) == 1
    assert "one/0.txt" not in kb.sources()
    assert "two/0.txt" in kb.sources()
    assert kb.prune([tmp_path], seen=["one/1.txt", "two/1.txt"]) == 3
    assert sorted(kb.sources()) == ["n77", "one/1.txt", "two/1.txt"]
    check_whole(kb)


def test_what_was_removed_is_found_no_more_and_statistics_are_those_of_a_fresh_build(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    kb.add([note(n) for n in range(60)])
    kb.index("terms").search([["heron"]], 1)  # the index is in memory
    for n in range(0, 60, 3):
        kb.remove(f"n{n}")
    with KnowledgeBase.create(tmp_path / "fresh", embedder=Counting(), chunker=CHUNKER) as fresh:
        fresh.add([note(n) for n in range(60) if n % 3])
        queries = [kb.analyser.terms(f"heron number{n} fish1") for n in range(60)]
        for hits, other in (
            (kb.index("terms").search(queries, 8), fresh.index("terms").search(queries, 8)),
            *[
                (kb.index("dense").search(v, 8), fresh.index("dense").search(v, 8))
                for v in [HashingEmbedder(32).embed_queries(["number9 reeds", "fish2"])]
            ],
        ):
            np.testing.assert_allclose(hits.scores, other.scores, rtol=1e-5)
            for i in range(len(hits)):
                named = [
                    [(c.document, c.start) for c in b.chunks(h.row(i)[0])] for b, h in ((kb, hits), (fresh, other))
                ]
                assert named[0] == named[1]


# ---- indexes --------------------------------------------------------------------------------------------------


def test_reindex_embeds_nothing_and_answers_the_same(kb: KnowledgeBase) -> None:
    kb.add([note(n) for n in range(50)])
    embedded(kb)
    queries = HashingEmbedder(32).embed_queries(["heron number3", "fish2"])
    before = kb.index("dense").search(queries, 5)
    kb.reindex(["hnsw:M=16,ef=200", "bm25:k1=0.9", "flat"])
    assert kb.indexes == ("hnsw:M=16,ef=200", "bm25:k1=0.9", "flat")
    assert [g.spec for g in kb.status().generations] == list(kb.indexes)
    np.testing.assert_allclose(kb.index("dense").search(queries, 5).scores, before.scores, atol=1e-5)
    np.testing.assert_allclose(kb.index("dense", "flat").search(queries, 5).scores, before.scores, atol=1e-6)
    kb.reindex(["flat"])
    assert len(list((kb.path / "generations").iterdir())) == 1
    with pytest.raises(InvalidInput, match=r"no index of terms.*rag reindex"):
        kb.index("terms").search([["heron"]], 1)
    with pytest.raises(InvalidInput, match="no index 'hnsw'"):
        kb.index("dense", "hnsw").search(queries, 1)
    for bad in ([], ["nonsense"], ["flat", "flat"], "flat"):
        with pytest.raises(InvalidInput):
            kb.reindex(bad)
    assert kb.indexes == ("flat",)
    assert embedded(kb) == []
    check_only_dense = kb.index("dense").ids().tolist()
    assert check_only_dense == kb.chunk_ids().tolist()


def test_a_few_documents_write_a_few_documents_worth(kb: KnowledgeBase) -> None:
    kb.add([note(n) for n in range(600)])
    before = {g.folder for g in kb.status().generations}
    kb.add([note(n) for n in range(600, 610)])
    assert {g.folder for g in kb.status().generations} == before, "ten documents are a tail, no new generation"
    assert all(g.tail == 20 for g in kb.status().generations)
    with KnowledgeBase.open(kb.path, embedder=Counting()) as reader:
        check_whole(reader)
    kb.add([note(n) for n in range(610, 760)])
    after = kb.status().generations
    assert not before & {g.folder for g in after}
    assert all(g.tail == 0 for g in after)
    assert len(list((kb.path / "generations").iterdir())) == 2
    check_whole(kb)


def test_a_reader_keeps_its_view_until_it_refreshes(kb: KnowledgeBase) -> None:
    kb.add([note(n) for n in range(300)])
    with KnowledgeBase.open(kb.path, embedder=Counting()) as reader:
        late = KnowledgeBase.open(kb.path, embedder=Counting())
        ids = reader.chunk_ids().tolist()
        kb.remove("n1")
        kb.add([note(n) for n in range(300, 500)])  # cuts new generations, deletes the old ones
        assert reader.chunk_ids().tolist() == ids
        check_whole(late.refresh() and late)
        found = (
            reader.index("terms").search([["number1"]], 3).row(0)[0]
        )  # its generation is gone: the first search moves on
        assert found.tolist() == []
        ids = reader.chunk_ids().tolist()
        assert ids == kb.chunk_ids().tolist()
        assert not reader.refresh()
        kb.add([note(n) for n in range(500, 700)])
        assert reader.index("dense").ids().tolist() == ids, "its other generation is gone too: built from its own view"
        assert reader.chunk_ids().tolist() == ids
        kb.reindex(["bm25:k1=1"])
        assert reader.refresh()
        assert reader.indexes == ("bm25:k1=1",)
        assert reader.index("terms").ids().tolist() == kb.chunk_ids().tolist()
        late.close()


def test_allowed_ids_are_kept_until_something_changes(kb: KnowledgeBase) -> None:
    kb.add([note(n, metadata={"n": n}) for n in range(10)])
    first = kb.allowed("n < 3")
    assert kb.allowed("n < 3") is first
    assert kb.allowed(" n<3 ") is first
    assert kb.allowed(None) is None
    kb.add([note(2, metadata={"n": 5})])
    assert len(kb.allowed("n < 3")) == len(first) - 2
    hits = kb.index("terms").search([kb.analyser.terms("heron")], 50, allow=kb.allowed("n < 3")).row(0)[0]
    assert {c.document for c in kb.chunks(hits)} == {"n0", "n1"}


# ---- opening --------------------------------------------------------------------------------------------------


def test_opening_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="rag ingest"):
        KnowledgeBase.open(tmp_path / "none")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("x")
    for place in (tmp_path / "mine", tmp_path / "mine" / "thesis.doc"):
        with pytest.raises(StoreExists):
            KnowledgeBase.create(place, embedder=HashingEmbedder())
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["thesis.doc"]
    KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker=CHUNKER).close()
    with pytest.raises(StoreExists):
        KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder())
    assert KnowledgeBase.exists(tmp_path / "kb")
    assert not KnowledgeBase.exists(tmp_path / "mine")
    with pytest.raises(InvalidInput, match="mode"):
        KnowledgeBase.open(tmp_path / "kb", mode="a")  # type: ignore[arg-type]
    with KnowledgeBase.open(tmp_path / "kb") as reader, pytest.raises(InvalidInput, match="mode='w'"):
        reader.add([note(1)])
    with pytest.raises(InvalidInput, match="closed"):
        reader.chunk_ids()


def test_open_or_create_makes_it_once_and_opens_it_for_writing_after(tmp_path: Path) -> None:
    made = {"embedder": HashingEmbedder(32), "indexes": ["flat", "bm25"], "analyser": "german", "granularity": "auto"}
    for n in (1, 2):
        with KnowledgeBase.open_or_create(tmp_path / "kb", **made) as kb:  # type: ignore[arg-type]
            kb.add([note(n)])
            assert len(kb.document_ids()) == n
            assert kb.analyser.language == "german"
    with KnowledgeBase.open_or_create(tmp_path / "kb", embedder=HashingEmbedder(32)) as kb:
        assert len(kb.document_ids()) == 2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"indexes": ["hnsw", "bm25"]}, "rag reindex"),
        ({"analyser": "english"}, "analyser"),
        ({"metric": "l2"}, "metric"),
        ({"chunker": "tokens:64/8"}, "chunker"),
        ({"embedder": HashingEmbedder(64)}, "embedder"),
    ],
)
def test_open_or_create_refuses_what_it_was_not_made_with(tmp_path: Path, other: dict, said: str) -> None:
    KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32), analyser="german").close()
    with pytest.raises(StoreMismatch, match=said):
        KnowledgeBase.open_or_create(tmp_path / "kb", **{"embedder": HashingEmbedder(32), **other})
    KnowledgeBase.open_or_create(tmp_path / "kb", embedder=HashingEmbedder(32)).close()  # nothing is locked or changed
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "x").touch()
    with pytest.raises(StoreExists):
        KnowledgeBase.open_or_create(tmp_path / "files", embedder=HashingEmbedder(32))


def test_real_fields_of_a_document_are_filtered_and_cited(tmp_path: Path) -> None:
    facts = {"source": "zoo.pdf", "type": "faq", "page": 3, "modified": 5.0, "author": {"name": "Ann"}}
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32)) as kb:
        kb.add(
            [Document.from_text("Otters swim at night.", id="o", **facts), Document.from_text("Badgers dig.", id="b")]
        )
        (wanted,) = [int(id_) for id_ in kb.chunk_ids() if kb.chunks([int(id_)])[0].document == "o"]
        for where in (
            'type == "faq"',
            'source == "zoo.pdf"',
            "page == 3",
            "modified == 5",
            'author.name == "Ann"',
            'document == "o"',
        ):
            found = kb.allowed(where)
            assert found is not None
            assert (len(found), wanted in found) == (1, True), where
        assert kb.remove("zoo.pdf") == 1


@pytest.mark.parametrize(
    "options",
    [{"indexes": ["nope"]}, {"indexes": []}, {"chunker": "nope:3"}, {"metric": "hamming"}, {"analyser": "klingon"}],
)
def test_what_does_not_exist_makes_no_folder(tmp_path: Path, options: dict) -> None:
    with pytest.raises(InvalidInput):
        KnowledgeBase.create(tmp_path / "kb", **{"embedder": HashingEmbedder(), **options})
    assert not (tmp_path / "kb").exists()


def test_files_are_the_owners_only(kb: KnowledgeBase) -> None:
    kb.add([note(1)])
    modes = {p.name: p.stat().st_mode & 0o777 for p in [kb.path, *kb.path.rglob("*")]}
    assert {mode for name, mode in modes.items() if "." in name or name == "lock"} == {0o600}
    assert {mode for name, mode in modes.items() if "." not in name and name != "lock"} == {0o700}


def test_reopening_by_name_needs_no_embedder(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-16", chunker=CHUNKER) as kb:
        kb.add([note(1)])
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert kb.embedder.name == "hashing-16"
        assert kb.index("dense").search(kb.embedder.embed_queries(["heron"]), 1).ids.tolist() == [
            [kb.chunk_ids()[0]]
        ]  # the sentence with the word
    with KnowledgeBase.open(
        tmp_path / "kb", embedder="hashing-16", chunker=CHUNKER, metric="cosine", analyser="english"
    ):
        pass


def other_weights(texts: Sequence[str]) -> NDArray[np.float32]:
    return HashingEmbedder(16).embed_passages([text[::-1] for text in texts])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"embedder": HashingEmbedder(32)}, ["hashing-16", "hashing-32"]),
        ({"embedder": "hashing-32"}, ["hashing-16", "hashing-32"]),
        (
            {"embedder": CallableEmbedder(other_weights, dim=16, name="hashing-16", revision="2")},
            ["revision", "'1'", "'2'"],
        ),
        ({"embedder": CallableEmbedder(other_weights, dim=16, name="hashing-16", revision="1")}, ["weights", "cosine"]),
        ({"chunker": "sentences:64/0"}, ["sentences:16/0", "sentences:64/0"]),
        ({"metric": "ip"}, ["cosine", "ip"]),
        ({"analyser": "german"}, ["english", "german"]),
    ],
)
def test_another_identity_is_refused_with_both_values(tmp_path: Path, options: dict, says: list[str]) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(16), chunker=CHUNKER) as kb:
        kb.add([note(1)])
    before = {p: p.read_bytes() for p in (tmp_path / "kb").rglob("*") if p.is_file()}
    for mode in ("r", "w"):
        with pytest.raises(StoreMismatch) as caught, KnowledgeBase.open(tmp_path / "kb", mode=mode, **options) as kb:
            kb.embedder  # noqa: B018 - the fingerprint is compared when the embedder is first used
        assert all(part in str(caught.value) for part in says)
        assert "rag ingest" in str(caught.value)
    after = {p: p.read_bytes() for p in (tmp_path / "kb").rglob("*") if p.is_file() and "-" not in p.name}
    assert after == {p: data for p, data in before.items() if "-" not in p.name}


def test_a_second_writer_is_told_who_the_first_is(kb: KnowledgeBase) -> None:
    import os

    def ask() -> None:
        with pytest.raises(StoreLocked, match=str(os.getpid())):
            KnowledgeBase.open(kb.path, mode="w")

    within(2, ask)
    with pytest.raises(StoreLocked):
        KnowledgeBase.open(kb.path, mode="w", wait=0.2)
    with KnowledgeBase.open(kb.path) as reader:
        assert len(reader.chunk_ids()) == 0
    kb.close()
    KnowledgeBase.open(kb.path, mode="w").close()


def test_searching_terms_loads_no_model(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-16", chunker=CHUNKER) as kb:
        kb.add([note(1)])
    code = f"""
import sys, json
from rag.knowledge_base import KnowledgeBase
with KnowledgeBase.open({str(tmp_path / "kb")!r}) as kb:
    found = kb.chunks(kb.index("terms").search([["heron"]], 1).row(0)[0])[0].document
print(json.dumps([found, sorted({{"torch", "transformers", "openvino", "faiss", "tokenizers"}} & set(sys.modules))]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["n1", []]


def test_opening_a_folder_of_indexes_without_database_is_damage(kb: KnowledgeBase) -> None:
    kb.add([note(1)])
    kb.close()
    (kb.path / "store.sqlite").unlink()
    for call in (KnowledgeBase.open, KnowledgeBase.mend):
        with pytest.raises(StoreCorrupt, match=r"store\.sqlite is damaged: it is missing"):
            call(kb.path)
    with pytest.raises(StoreExists):
        KnowledgeBase.create(kb.path, embedder=HashingEmbedder())


class Slow(HashingEmbedder):
    """Takes longer than people are left without news."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(0.25)
        return super().embed_passages(texts)


def test_progress_moves_while_one_long_document_is_embedded(tmp_path: Path) -> None:
    told: list[AddProgress] = []
    words = " ".join(f"word{n}" for n in range(12_000))
    with KnowledgeBase.create(tmp_path / "kb", embedder=Slow(16), chunker="tokens:8/0", granularity="chunk") as kb:
        report = kb.add([Document.from_text(words, id="book")], on_progress=told.append)
    before = {p.embedded for p in told if p.documents == 0}
    assert report.embedded == told[-1].embedded > pipeline.BATCH_TEXTS
    assert pipeline.BATCH_TEXTS in before, "a portion is told of before the document is whole on disk"
