"""Sentence vectors beside chunk vectors: what is stored, and that it follows every change of the chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rag.documents.document import Document, context_text
from rag.embedding import HashingEmbedder
from rag.errors import InvalidInput, StoreMismatch
from rag.knowledge_base import ChunkRecord, KnowledgeBase
from rag.sentences import sentences
from rag.store import database, schema
from rag.store.granularity import chunks_of, held_of, sentence_ids, spans


class Reader(HashingEmbedder):
    """Vectors of spans depend on what stands around them, as a model's do; counts what it is given."""

    embedded = 0

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += len(texts)
        return super().embed_passages(texts)

    def embed_parts(self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]) -> tuple:
        whole = self.embed_passages(texts)
        plain = HashingEmbedder(self.dim)
        parts = [
            plain.embed_passages([t[a:b] for a, b in of]) + row for t, of, row in zip(texts, spans, whole, strict=True)
        ]
        return whole, [x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in parts]


E = Reader(48)
WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "islet", "jetty", "knoll", "larch"]
WORDS += ["marsh", "north", "otter", "pearl"]


def text(n: int) -> str:
    lines = [" ".join(WORDS[(n * 3 + i * 5 + j * j) % len(WORDS)] for j in range(6)) for i in range(2 + n % 5)]
    return " ".join(f"{line.capitalize()} {n}x{i}." for i, line in enumerate(lines)) + " All share this sentence."


def documents(count: int) -> list[Document]:
    return [Document.from_text(text(n), id=f"d{n}", title=f"Title {n % 3}", n=n) for n in range(count)]


Make = Callable[..., KnowledgeBase]


@pytest.fixture(params=["chunk+sentence", "chunk+late"])
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def build(count: int = 40, **options: object) -> KnowledgeBase:
            options = {"embedder": E, "chunker": "sentences:24/0", "granularity": request.param, **options}
            kb = stack.enter_context(KnowledgeBase.create(tmp_path / f"kb{len(list(tmp_path.iterdir()))}", **options))
            kb.add(documents(count))
            return kb

        yield build


def brute(kb: KnowledgeBase, query: np.ndarray, share: float) -> dict[int, float]:
    """Score every chunk by the definition, from its text and from its sentences as they are held."""
    held, found = kb.dense().sentences.index, {}
    for c in kb.chunks(kb.chunk_ids()):
        own = E.embed_passages([context_text(c.title, c.heading, c.text)]) @ query
        parts = held.vectors(held_of(held.ids(), np.array([c.id])))
        found[c.id] = float((1 - share) * own[0] + share * max(parts @ query))
    return found


def of_sentences(kb: KnowledgeBase, c: ChunkRecord) -> np.ndarray:
    text = context_text(c.title, c.heading, c.text)
    above = len(text) - len(c.text)
    if kb.granularity == "chunk+late":
        return E.embed_parts([text], [[(above + a, above + b) for a, b in sentences(c.text)]])[1][0]
    return E.embed_passages([text[:above] + c.text[a:b] for a, b in sentences(c.text)])


def in_step(kb: KnowledgeBase) -> None:
    """The index of sentences holds what the store has, in 8 bits a number, and both what the chunks' texts say."""
    index = kb.dense().sentences.index
    held = index.ids()
    vectors, owners = kb.sentence_vectors(kb.chunk_ids())
    assert chunks_of(held).tolist() == owners.tolist()
    step = (vectors.max() - vectors.min()) / 255
    np.testing.assert_allclose(index.vectors(held), vectors, atol=2 * step)
    records = kb.chunks(kb.chunk_ids())
    off = 1 / 2048 if kb.granularity == "chunk+late" else 0  # float16
    expected = np.concatenate([of_sentences(kb, c) for c in records])
    np.testing.assert_allclose(vectors, expected, rtol=off, atol=1e-6)
    assert kb.verify().ok


def test_the_mixed_search_is_the_definition(make: Make) -> None:
    kb = make()
    both = kb.dense()
    for question in ("otter near the fjord", "knoll larch", "all share this"):
        query = E.embed_queries([question])[0]
        expected = sorted(brute(kb, query, both.share).items(), key=lambda pair: (-round(pair[1], 5), pair[0]))[:12]
        ids, scores = both.search(query[None], 60).row(0)
        assert scores[:12].tolist() == pytest.approx([score for _, score in expected], abs=1e-5)
        assert set(ids[:6].tolist()) <= {i for i, _ in expected}
        allowed = kb.allowed("n >= 20 and n < 25")
        only = {i: s for i, s in brute(kb, query, both.share).items() if i in allowed}
        found, theirs = both.search(query[None], len(only) + 5, allow=allowed).row(0)
        assert dict(zip(found.tolist(), theirs.tolist(), strict=True)) == pytest.approx(only, abs=1e-5)


def test_ids_hold_the_chunk() -> None:
    ids = sentence_ids([3, 3, 9, 2**40], [0, 1, 0, 7])
    assert chunks_of(ids).tolist() == [3, 3, 9, 2**40]
    assert held_of(ids, np.array([3, 4, 9])).tolist() == ids[:3].tolist()
    assert held_of(ids, np.array([], np.int64)).tolist() == []
    assert int(ids.max()) < 2**62


def test_every_chunk_has_a_sentence() -> None:
    assert spans("One. Two!") == [(0, 4), (5, 9)]
    assert spans("---\n\n***") == [(0, 8)]
    assert spans("***\n\nWords.") == [(5, 11)]


def test_equal_sentences_are_embedded_once(make: Make) -> None:
    given = E.embedded
    kb = make(30, embedder=E)
    given += 3  # the fingerprint
    if kb.granularity == "chunk+late":  # one pass a chunk; a chunk that stands twice is read once
        chunks = {context_text(c.title, c.heading, c.text) for c in kb.chunks(kb.chunk_ids())}
        assert kb.purge() is None
        assert E.embedded - given == len(chunks)
        return
    before = kb.status().embeddings
    assert E.embedded - given == before
    texts = {
        context_text(c.title, c.heading, part)
        for c in kb.chunks(kb.chunk_ids())
        for part in (c.text, *(c.text[a:b] for a, b in spans(c.text)))
    }
    assert before == len(texts)
    changed = [Document.from_text(text(n) + " Also this.", id=f"d{n}", title=f"Title {n % 3}", n=n) for n in range(3)]
    assert kb.add(changed).embedded <= 3 * 3
    in_step(kb)


def test_it_follows_changes_removal_reindex_and_reopening(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.store.live.TAIL_MIN", 10)
    kb = make()
    in_step(kb)
    kb.dense()
    kb.add([Document.from_text("Fresh words here. And a second sentence.", id=f"d{n}") for n in range(0, 30, 7)])
    in_step(kb)
    assert kb.remove("d11") == 1
    in_step(kb)
    kb.reindex(["hnsw", "bm25"])
    assert {g.spec for g in kb.status().generations} == {"hnsw", "bm25", "sentences+sq"}
    in_step(kb)
    kb.reindex(["bm25"])
    assert {g.spec for g in kb.status().generations} == {"bm25"}
    kb.reindex(["flat", "bm25"])
    in_step(kb)
    with KnowledgeBase.open(kb.path, embedder=E) as reader:
        in_step(reader)


def test_purge_leaves_no_byte_of_a_sentence(make: Make) -> None:
    kb = make(60)
    with contextlib.closing(database.open_readable(kb.path / "store.sqlite")) as db:
        rows = list(
            db.execute(
                """select e.vector, d.name = 'd7' from sentences s join embeddings e on e.id = s.embedding
                   join chunks c on c.id = s.chunk join documents d on d.id = c.document"""
            )
        )
    kept = {blob for blob, going in rows if not going}
    gone = [blob for blob, going in rows if going and blob not in kept]
    assert len(gone) >= 3

    def data() -> bytes:
        return b"".join(p.read_bytes() for p in kb.path.rglob("*") if p.is_file())

    assert all(v in data() for v in gone), "the test looks for what is there"
    kb.remove("d7")
    kb.purge()
    assert not [v for v in gone if v in data()]
    assert kb.status().orphans == 0
    in_step(kb)


@pytest.mark.parametrize(
    "statement",
    [
        "update sentences set start = start + 1 where chunk = 3 and ordinal = 0",
        "delete from sentences where chunk = 3",
        "update sentences set ordinal = 9 where chunk = 3 and ordinal = 0",
        "update sentences set embedding = (select max(id) from embeddings) where chunk = 3 and ordinal = 1",
    ],
)
def test_verify_sees_a_wrong_sentence_and_repair_mends_it(make: Make, statement: str) -> None:
    kb = make(20)
    kb.close()
    with contextlib.closing(database.open_writable(kb.path / "store.sqlite")) as db:
        db.execute(statement)
        database.checkpoint(db)
    report = KnowledgeBase.check(kb.path)
    assert [(p.kind, p.ids) for p in report.problems if p.file == "store.sqlite"] == [("vector", (3,))]
    KnowledgeBase.mend(kb.path, embedder=E)
    with KnowledgeBase.open(kb.path, mode="w", embedder=E) as mended:
        assert mended.add(documents(20)).added == 1
        in_step(mended)


def test_the_index_of_sentences_is_verified_and_rebuilt(make: Make) -> None:
    kb = make(60)
    place = next(g for g in kb.status().generations if g.spec == "sentences+sq")
    before = kb.dense().search(E.embed_queries(["otter"]), 10).ids.tolist()
    kb.close()
    target = kb.path / place.folder / "codes.faiss"
    target.write_bytes(target.read_bytes()[:-1] + b"\x01")
    assert [p.file for p in KnowledgeBase.check(kb.path).problems] == [place.folder]
    assert KnowledgeBase.mend(kb.path, embedder=E).rebuilt == ("sentences+sq",)
    with KnowledgeBase.open(kb.path, embedder=E) as mended:
        assert mended.dense().search(E.embed_queries(["otter"]), 10).ids.tolist() == before


def test_an_older_store_is_read_as_it_is_and_migrated_when_written(make: Make, tmp_path: Path) -> None:
    kb = make(20, granularity="chunk")
    kb.close()
    with contextlib.closing(database.open_writable(kb.path / "store.sqlite")) as db:  # as format 1 was
        db.execute("drop table sentences; delete from meta where key = 'granularity'; pragma user_version = 1")
        db.execute("alter table sources drop column account; alter table documents drop column boxes")
        db.execute("alter table documents drop column language")
        db.execute("alter table embeddings drop column tokens")
        db.execute("alter table chunks drop column last_page; alter table chunks drop column row")
        database.checkpoint(db)
    with KnowledgeBase.open(kb.path, embedder=E) as old:
        assert old.granularity == "chunk"
        assert old.verify().ok
        assert old.status().orphans == 0
        assert old.dense() is old.index("dense")
    with KnowledgeBase.open(kb.path, mode="w", embedder=E) as new:
        assert new.add(documents(22)).added == 2
        new.purge()
        assert new.verify().ok
    with contextlib.closing(database.open_readable(kb.path / "store.sqlite")) as db:
        assert db.pragma("user_version") == schema.FORMAT


def test_the_granularity_is_part_of_the_identity(make: Make, tmp_path: Path) -> None:
    kb = make(3)
    assert kb.status().identity["granularity"] == kb.granularity
    with pytest.raises(StoreMismatch, match=r"granularity 'chunk.*', not 'chunk'"):
        KnowledgeBase.open(kb.path, granularity="chunk", embedder=E)
    with pytest.raises(InvalidInput, match="take chunk\\+sentence"):
        KnowledgeBase.create(tmp_path / "no", embedder=HashingEmbedder(8), granularity="chunk+late")
    with pytest.raises(InvalidInput, match="give one of auto, chunk, chunk\\+sentence"):
        KnowledgeBase.create(tmp_path / "no", embedder=E, granularity="word")


def test_auto_takes_sentences_where_the_embedder_reads_them_in_context(make: Make, tmp_path: Path) -> None:
    assert make(3, granularity="auto").granularity == "chunk+late"
    with KnowledgeBase.create(tmp_path / "plain", embedder=HashingEmbedder(8)) as plain:
        assert plain.granularity == "chunk"


def test_a_store_whose_sentences_had_the_engine_of_the_chunks_is_read_and_renewed(make: Make) -> None:
    kb = make(20, indexes=("hnsw", "bm25"))
    before = kb.dense().search(E.embed_queries(["otter"]), 10).ids.tolist()
    kb.close()
    with contextlib.closing(database.open_writable(kb.path / "store.sqlite")) as db:  # as it was written before
        db.execute("update generations set spec = 'sentences+hnsw' where spec = 'sentences+sq'")
        database.checkpoint(db)
    with KnowledgeBase.open(kb.path, embedder=E) as old:
        assert old.verify().ok
        assert old.dense().search(E.embed_queries(["otter"]), 10).ids.tolist() == before
    with KnowledgeBase.open(kb.path, mode="w", embedder=E) as new:
        new.add(documents(22))
        assert {g.spec for g in new.status().generations} == {"hnsw", "bm25", "sentences+sq"}
        in_step(new)


def test_a_chunk_whose_sentences_are_gone_keeps_its_own_score() -> None:
    """As in the middle of a removal: the chunks' index lists it still, the sentences' does not."""
    import indexes
    from rag.store.sentence_search import BestSentences, TwoGranularities

    x = np.eye(4, 8, dtype=np.float32)
    chunks, parts = indexes.dense("flat", 8), indexes.dense("flat", 8)
    chunks.build(x, np.arange(4))
    of = sentence_ids(np.repeat(np.arange(4), 2), np.tile([0, 1], 4))
    parts.build(np.repeat(x, 2, axis=0), of)
    both = TwoGranularities(chunks, BestSentences(parts), share=0.5)
    whole = both.search(x[:1], 4)
    parts.remove(of[2:4])
    assert both.search(x[:1], 4).ids.tolist() == whole.ids.tolist()
    np.testing.assert_allclose(both.search(x[:1], 4).scores, whole.scores)
    both.sentences._known = (parts.generation, of)  # the list was read before the removal
    np.testing.assert_allclose(both.search(x[:1], 4).scores, chunks.search(x[:1], 4).scores)
