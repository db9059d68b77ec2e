"""The contract of stores: what a knowledge base does, wherever it is kept.

A store's tests are a class of these with one fixture, ``place``: a folder or an address at which there is nothing yet.

::

    class TestMine(StoreContract):
        @pytest.fixture
        def place(self): ...

Each test compares with the same knowledge base in a folder, or with what was put in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ..documents.document import Document
from ..documents.sections import Section
from ..embedding.hashing import HashingEmbedder
from ..errors import EmbedderError, InvalidInput, StoreExists, StoreLocked, StoreMismatch, StoreMissing
from ..knowledge_base import AddProgress, KnowledgeBase
from ..store import copying, exporting

DIM = 64
_NAMES = "otter river hand sleep kelp shell tide urchin raft pup whisker dive coast storm bay fur stone claw"
WORDS = tuple(_NAMES.split())
QUESTIONS = ("otters hold a hand", "storm over the coast and the bay", "kelp kelp urchin", "nothing of that zzz")
FILTERS = (
    "year == 2020",
    'year == "2020"',
    "year != 2020",
    'year > 2019 and not (tag == "a" or tag == "b")',
    'year in [2019, "2020", 2021.0]',
    "exists(year)",
    "year == null",
    'tag startswith "a"',
    'tag in ["a", "Ä", "\\u0000"]',
    'tag < "b"',
    'tag >= "Z" and tag < "a\\u0000b"',
    "flag == true",
    "flag != true",
    "score >= 0.5",
    'heading == "Kelp"',
    'heading startswith "K"',
    "exists(heading)",
    "page == 2",
    "page > 1",
    'title == "Title 3"',
    'type == "note"',
    "exists(type)",
    'source startswith "folder/"',
    'document in ["d1", "folder/x"]',
    'modified >= "2020-01-01"',
    "exists(modified)",
    'language == "en"',
    '"odd key.with dots" == 1',
    'metadata.source == "own"',
    "exists(nothing)",
    "nothing == 1",
    "not exists(nothing)",
)


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that it embeds; fails on one that holds ``fails``."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__(dim)
        self.texts: list[str] = []
        self.fails = ""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts to be found."""
        if self.fails and any(self.fails in text for text in texts):
            raise RuntimeError("planted")
        self.texts += texts
        return super().embed_passages(texts)


def document(n: int, *, text: str = "") -> Document:
    """Return the ``n``-th document of the tests; each has other metadata."""
    rng = np.random.default_rng(n)
    body = text or " ".join(rng.choice(WORDS, 30).tolist()) + f". It is number {n}."
    metadata: dict[str, Any] = {
        "year": [2020, "2020", 2019, 2021.0, None][n % 5],
        "tag": ["a", "b", ["a", "c"], "Ä", "a\0b", [], "Z"][n % 7],
        "flag": [True, False, 1][n % 3],
        "score": n / 10,
        "odd key.with dots": n % 2,
        "source": "own",
    }
    if n % 4 == 0:
        del metadata["year"], metadata["tag"]
    sections: tuple[Section, ...] = ()
    if n % 3 == 0:
        middle = len(body) // 2
        sections = (
            Section(0, middle, ("Kelp", f"Part {n}"), page=1),
            Section(middle, len(body), ("Tides",), page=2),
        )
    return Document(
        f"d{n}",
        body,
        source=f"folder/s{n // 2}" if n % 2 else f"s{n // 2}",
        title=f"Title {n}" if n % 3 else "",
        type="note" if n % 4 == 1 else "",
        sections=sections,
        metadata=metadata,
        modified=1_500_000_000.0 + 3e7 * n if n % 5 else None,
        source_sha256=f"{n:064x}",
    )


def answers(kb: KnowledgeBase, filters: Sequence[str] = (), k: int = 200) -> dict[str, Any]:
    """Return all that questions find, by each search and filter; all chunks are asked for, so no tie is cut."""
    vectors = kb.embedder.embed_queries(list(QUESTIONS))
    bags = [kb.analyser.terms(question) for question in QUESTIONS]
    found: dict[str, Any] = {}
    with kb.view():
        names = {record.id: (record.document, record.ordinal) for record in kb.chunks(kb.chunk_ids())}
        for where in (None, *filters):
            allow = kb.allowed(where)
            found[f"{where} documents"] = kb.document_ids(where)
            for search, index, queries in (
                ("dense", kb.dense(), vectors),
                ("own", kb.index("dense"), vectors[:1]),
                ("terms", kb.index("terms"), bags),
            ):
                hits = index.search(queries, k, allow=allow)
                rows = [zip(*(part.tolist() for part in hits.row(i)), strict=True) for i in range(len(queries))]
                found[f"{where} {search}"] = [{names[i]: score for i, score in row} for row in rows]
    return found


class StoreContract:
    """What every store does; subclasses give the fixture ``place``."""

    granularities = ("chunk", "chunk+sentence")

    @pytest.fixture
    def place(self) -> str | Path:
        """Return a place at which there is no knowledge base."""
        raise NotImplementedError

    @contextmanager
    def made(self, place: str | Path, granularity: str = "chunk", **own: Any) -> Iterator[KnowledgeBase]:
        """Make a knowledge base for a ``with`` block."""
        options: dict[str, Any] = {"embedder": HashingEmbedder(DIM), "chunker": "headings:24/4", **own}
        with KnowledgeBase.create(place, granularity=granularity, **options) as kb:
            yield kb

    # ---- contents ---------------------------------------------------------------------------------------------

    def test_gives_back_what_was_added(self, place: str | Path) -> None:
        """Documents, chunks, sources and vectors."""
        added = [document(n) for n in range(12)]
        with self.made(place, "chunk+sentence") as kb:
            report = kb.add(added)
            assert (report.added, report.failures) == (12, ())
            assert [kb.document(each.id) for each in added] == added
            assert kb.document_ids() == sorted(each.id for each in added)
            assert kb.digests(["d3", "none"]) == {"d3": added[3].digest()}
            records = kb.chunks(kb.chunk_ids())
            assert len(records) == report.chunks
            texts = {each.id: each.text for each in added}
            assert all(texts[r.document][r.start : r.end] == r.text for r in records)
            assert kb.vectors(kb.chunk_ids()).shape == (len(records), DIM)
            vectors, owners = kb.sentence_vectors(kb.chunk_ids())
            assert set(owners.tolist()) == set(kb.chunk_ids().tolist())
            assert len(vectors) == len(owners)
            assert {name: info.documents for name, info in kb.sources().items()} == {
                name: sum(each.source == name for each in added) for name in {each.source for each in added}
            }
            assert [p.document for p in kb.places(["d2"])] == ["d2"] * len(kb.places(["d2"]))
            assert kb.modified(["d1", "d5"]) == {"d1": added[1].modified}
            assert kb.verify().ok

    def test_keeps_any_text(self, place: str | Path) -> None:
        """U+0000, U+0001, astral characters, quotes and long names, in every field."""
        odd = "\0 \1 \1\2 ' \" \\ % %s {} \U0001f9a6 é"
        long = "x" * 4000 + odd
        text = f"Text with {odd} inside.\n\nOtters dive."
        given = Document(
            f"id {odd}",
            text,
            source=f"source {long}",
            title=f"title {odd}",
            type=f"type {odd}",
            sections=(Section(0, len(text), (f"heading {odd}",)),),
            metadata={f"key {odd}": [f"value {odd}", 1, 2.5, True], "big": 2**60 + 1, "long": long},
            location=f"/place/{odd}",
        )
        with self.made(place) as kb:
            assert kb.add([given]).added == 1
            kb.keep_setting(f"name {odd}", f"value {odd}")
            assert kb.document(given.id) == given
            assert kb.setting(f"name {odd}") == f"value {odd}"
            assert list(kb.sources()) == [given.source]
            assert kb.sources()[given.source].location == given.location
            chunks = kb.chunker.chunk(given)
            assert [(r.heading, r.text) for r in kb.chunks(kb.chunk_ids())] == [(c.heading, c.text) for c in chunks]
            assert kb.verify().ok

    def test_refuses_what_is_not_there(self, place: str | Path) -> None:
        """Chunks and documents by ids that nothing has."""
        with self.made(place) as kb:
            kb.add([document(1)])
            for unknown in (lambda: kb.chunks([99_999]), lambda: kb.vectors([99_999]), lambda: kb.document("none")):
                with pytest.raises(InvalidInput, match=r"99999|none"):
                    unknown()

    # ---- changes ----------------------------------------------------------------------------------------------

    def test_unchanged_documents_cost_nothing(self, place: str | Path) -> None:
        """Nor does a text that is known, even one whose document went; purge forgets it."""
        embedder = CountingEmbedder()
        with self.made(place, embedder=embedder) as kb:
            kb.add([document(n) for n in range(6)])
            first, seq = len(embedder.texts), kb.seq
            again = kb.add([document(n) for n in range(6)])
            assert (again.unchanged, again.embedded, len(embedder.texts), kb.seq) == (6, 0, first, seq)
            assert kb.remove("s1") == 1
            assert kb.status().orphans > 0
            assert kb.add([document(2)]).embedded == 0
            kb.remove("s1", purge=True)
            assert kb.status().orphans == 0
            assert kb.add([document(2)]).embedded > 0

    def test_a_source_holds_what_it_gave_last(self, place: str | Path) -> None:
        """Changed documents are replaced, those that are not given any more go."""
        one, other = (Document(f"s#{n}", f"Otters sleep {n}.", source="s") for n in range(2))
        with self.made(place) as kb:
            kb.add([one, other])
            before = kb.chunk_ids()
            changed = Document("s#0", "A shell instead.", source="s")
            report = kb.add([changed])
            assert (report.changed, report.removed) == (1, 1)
            assert kb.document_ids() == ["s#0"]
            assert kb.document("s#0") == changed
            assert not set(before.tolist()) & set(kb.chunk_ids().tolist())  # ids are never used twice
            hits = kb.index("terms").search([["sleep"]], 5)
            assert not len(hits.row(0)[0])

    def test_finds_what_a_folder_finds(self, place: str | Path, tmp_path: Path) -> None:
        """The same documents by every search and filter, with the same scores, after every kind of change."""
        for granularity in self.granularities:
            own = place if granularity == "chunk" else self.another(place)
            with self.made(own, granularity) as kb, self.made(tmp_path / granularity, granularity) as twin:
                for change in _CHANGES:
                    assert change(kb) == change(twin)
                    filters = FILTERS if change in {_more, _hidden} else FILTERS[:1]
                    expected, found = answers(twin, filters), answers(kb, filters)
                    assert found.keys() == expected.keys()
                    for name, answer in expected.items():
                        assert found[name] == _nearly(answer), (granularity, change.__name__, name)
                    assert kb.verify().ok

    def another(self, place: str | Path) -> str | Path:
        """Return another place of the same kind."""
        return f"{place}2" if isinstance(place, str) else place.with_name(place.name + "2")

    def test_hidden_sources_are_not_found(self, place: str | Path) -> None:
        """Until they are shown again."""
        with self.made(place) as kb:
            kb.add([document(n) for n in range(4)])
            assert kb.allowed(None) is None
            assert kb.hide("folder") == 2
            allowed = kb.allowed(None)
            assert allowed is not None
            assert {r.document for r in kb.chunks(allowed.ids)} == {"d0", "d2"}
            assert kb.status().hidden == ("folder/s0", "folder/s1")
            assert kb.unhide("folder/s0") == 1
            assert kb.status().hidden == ("folder/s1",)

    def test_a_failing_embedder_undoes_no_commit(self, place: str | Path) -> None:
        """What was acknowledged before stays, and the next ingest goes on."""
        embedder = CountingEmbedder()
        safe: list[str] = []
        with self.made(place, embedder=embedder, chunker="document") as kb:
            embedder.fails = "number 299."
            with pytest.raises(EmbedderError):
                kb.add((document(n) for n in range(300)), on_commit=safe.extend)
            assert safe
            assert set(safe) <= set(kb.document_ids())
            assert kb.verify().ok
            embedder.fails = ""
            report = kb.add(document(n) for n in range(300))
            assert report.unchanged == len(set(safe))
            assert len(kb.document_ids()) == 300
            assert kb.verify().ok

    # ---- writers and readers ----------------------------------------------------------------------------------

    def test_one_writes_at_a_time(self, place: str | Path) -> None:
        """A second writer is refused by name, or waits."""
        with self.made(place) as kb:
            kb.add([document(1)])
            with pytest.raises(StoreLocked, match=r"\d"):
                KnowledgeBase.open(place, mode="w")
        with KnowledgeBase.open(place, mode="w", wait=5):
            pass

    def test_readers_move_on(self, place: str | Path) -> None:
        """A view keeps one state; ``refresh`` says whether there is another."""
        with self.made(place) as kb, KnowledgeBase.open(place, embedder=HashingEmbedder(DIM)) as reader:
            assert not reader.refresh()
            kb.add([document(1)])
            assert reader.refresh()
            assert reader.document_ids() == ["d1"]
            with reader.view():
                ids = reader.chunk_ids()
                kb.remove("folder/s0")
                assert len(reader.chunks(ids)) == len(ids)
            assert reader.refresh()
            assert not reader.document_ids()
            assert not reader.refresh()
            with pytest.raises(InvalidInput, match="mode='w'"):
                reader.add([document(2)])

    def test_threads_share_it(self, place: str | Path) -> None:
        """Side by side they find what one finds."""
        with self.made(place, "chunk+sentence") as kb:
            kb.add(document(n) for n in range(20))
        with KnowledgeBase.open(place, embedder=HashingEmbedder(DIM)) as reader:
            vectors = reader.embedder.embed_queries(list(QUESTIONS))

            def ask() -> list[list[int]]:
                with reader.view():
                    allow = reader.allowed("year != 2020")
                    dense = reader.dense().search(vectors, 5, allow=allow).ids.tolist()
                    terms = reader.index("terms").search([["otter"], ["kelp", "bay"]], 5).ids.tolist()
                    reader.chunks([i for row in dense for i in row if i >= 0])
                    return [*dense, *terms]

            expected = ask()
            wrong: list[list[list[int]]] = []

            def work() -> None:
                wrong.extend(found for _ in range(5) if (found := ask()) != expected)

            threads = [threading.Thread(target=work) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not wrong

    # ---- identity, health, copies -----------------------------------------------------------------------------

    def test_knows_what_it_was_made_with(self, place: str | Path) -> None:
        """Another model, chunker or metric is refused; so is a second one in its place, and none at all."""
        with pytest.raises(StoreMissing):
            KnowledgeBase.open(place)
        assert not KnowledgeBase.exists(place)
        with self.made(place, metric="ip"):
            pass
        assert KnowledgeBase.exists(place)
        with pytest.raises(StoreExists), self.made(place):
            pass
        for other in ({"embedder": HashingEmbedder(32)}, {"metric": "l2"}, {"analyser": "german"}):
            with pytest.raises(StoreMismatch):
                KnowledgeBase.open(place, **other)
        kb = KnowledgeBase.open(place, embedder=HashingEmbedder(DIM), metric="ip")
        kb.close()
        kb.close()
        with pytest.raises(InvalidInput, match="closed"):
            kb.document_ids()

    def test_counts_what_it_holds(self, place: str | Path, tmp_path: Path) -> None:
        """As a folder does."""
        with self.made(place, "chunk+sentence") as kb, self.made(tmp_path / "twin", "chunk+sentence") as twin:
            for each in (kb, twin):
                each.add(document(n) for n in range(10))
                each.remove("s0")
            ours, theirs = kb.status(), twin.status()
            for fact in (
                "sources",
                "incomplete",
                "documents",
                "chunks",
                "embeddings",
                "orphans",
                "languages",
                "account",
            ):
                assert getattr(ours, fact) == getattr(theirs, fact), fact
            assert ours.disk_bytes > 0

    def test_is_copied_there_and_back(self, place: str | Path, tmp_path: Path) -> None:
        """Nothing is embedded again, vectors are the same to the bit, and a second run finds nothing to do."""
        with self.made(tmp_path / "first", "chunk+sentence") as kb:
            kb.add(document(n) for n in range(30))
            kb.keep_setting("calibration:x", "fitted")
            kb.hide("s1")
        first = KnowledgeBase.copy(tmp_path / "first", place)
        assert (first.added, first.embedded) == (30, 0)
        again = KnowledgeBase.copy(tmp_path / "first", place)
        assert (again.added, again.changed, again.removed, again.unchanged) == (0, 0, 0, 30)
        KnowledgeBase.copy(place, tmp_path / "back")
        places = (tmp_path / "first", place, tmp_path / "back")
        with _opened(places[0]) as one, _opened(places[1]) as two, _opened(places[2]) as three:
            for kb in (two, three):
                assert kb.sources() == one.sources()
                assert [kb.document(d) for d in kb.document_ids()] == [one.document(d) for d in one.document_ids()]
                assert kb.setting("calibration:x") == "fitted"
                assert kb.status().hidden == ("s1",)
                assert np.array_equal(kb.vectors(kb.chunk_ids()), one.vectors(one.chunk_ids()))
                both = (kb.sentence_vectors(kb.chunk_ids())[0], one.sentence_vectors(one.chunk_ids())[0])
                assert np.array_equal(*both)
                assert answers(kb) == _nearly(answers(one))
                assert kb.verify().ok
        with KnowledgeBase.open(tmp_path / "first", mode="w", embedder=HashingEmbedder(DIM)) as kb:
            kb.remove("s2")
            kb.add([document(1, text="Otters dive for a shell.")])
        moved = KnowledgeBase.copy(tmp_path / "first", place)
        assert (moved.added, moved.changed) == (0, 1)
        with _opened(tmp_path / "first") as one, _opened(place) as two:
            assert two.document_ids() == one.document_ids()
            assert answers(two) == _nearly(answers(one))

    def test_a_copy_that_is_cut_short_goes_on(
        self, place: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was copied is not copied again, and the end is the same."""
        monkeypatch.setattr(copying, "_CHUNKS", 1)
        monkeypatch.setattr(copying, "_COMMIT", 1)
        monkeypatch.setattr(exporting, "_BLOCK", 5)
        with self.made(tmp_path / "first") as kb:
            kb.add(document(n) for n in range(20))

        def cut(progress: AddProgress) -> None:
            if progress.documents >= 8:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            KnowledgeBase.copy(tmp_path / "first", place, on_progress=cut)
        with _opened(place) as two:
            there = len(two.document_ids())
            assert 8 <= there < 20
            assert two.verify().ok
        again = KnowledgeBase.copy(tmp_path / "first", place)
        assert (again.unchanged, again.added) == (there, 20 - there)
        with _opened(tmp_path / "first") as one, _opened(place) as two:
            assert two.sources() == one.sources()
            assert answers(two) == _nearly(answers(one))

    def test_changes_its_indexes(self, place: str | Path) -> None:
        """Without embedding anything again."""
        with self.made(place) as kb:
            kb.add(document(n) for n in range(10))
            kb.reindex(["flat"])
            assert kb.indexes == ("flat",)
            with pytest.raises(InvalidInput, match="no index of terms"):
                kb.index("terms")
            kb.add([document(10)])
            kb.reindex(["flat", "bm25:k1=1.5"])
            ids = kb.index("terms").search([["10"]], 3).row(0)[0]
            assert {r.document for r in kb.chunks(ids)} == {"d10"}
            assert kb.verify().ok


def _opened(place: str | Path) -> KnowledgeBase:
    return KnowledgeBase.open(place, embedder=HashingEmbedder(DIM))


def _nearly(answer: Any) -> Any:
    """Return an answer that equals others whose scores differ by the precision of stored sentences."""
    if isinstance(answer, float):
        return pytest.approx(answer, abs=4e-3)
    if isinstance(answer, dict):
        return {name: _nearly(each) for name, each in answer.items()}
    return [_nearly(each) for each in answer] if isinstance(answer, list) else answer


def _first(kb: KnowledgeBase) -> object:
    return kb.add(document(n) for n in range(24)).added


def _more(kb: KnowledgeBase) -> object:
    return kb.add(document(n) for n in range(24, 40)).added


def _replaced(kb: KnowledgeBase) -> object:
    changed = [document(n, text=f"The otter {n} sleeps in kelp beside a stone.") for n in (3, 8, 25)]
    report = kb.add(changed)
    return report.changed, report.removed


def _removed(kb: KnowledgeBase) -> object:
    return kb.remove("s5", "folder/s6")


def _hidden(kb: KnowledgeBase) -> object:
    return kb.hide("s1", "folder/s2")


def _purged(kb: KnowledgeBase) -> object:
    kb.purge()
    return kb.status().orphans


_CHANGES: tuple[Callable[[KnowledgeBase], object], ...] = (_first, _more, _replaced, _removed, _hidden, _purged)
