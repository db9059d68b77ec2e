"""What `verify` finds is what was done behind the store's back, to the id; `repair` and the next ingest mend it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexes
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.errors import StoreCorrupt
from rag.knowledge_base import KnowledgeBase, Problem
from rag.store import database, generations

Make = Callable[..., KnowledgeBase]


def tamper(kb: KnowledgeBase, *statements: str) -> None:
    """Change rows as nobody should, with sound page checksums."""
    kb.close()
    with contextlib.closing(database.open_writable(kb.path / "store.sqlite")) as db:
        db.pragma("foreign_keys", False)
        for statement in statements:
            db.execute(statement)
        database.checkpoint(db)


def resave(path: Path, spec: str, change: Callable[[Any], None]) -> None:
    """Change an index and save it with digests that are right."""
    with contextlib.closing(database.open_writable(path / "store.sqlite")) as db:
        pointer = generations.pointers(db)[spec]
        index = indexes.load(path / pointer.name)
        change(index)
        index.save(path / pointer.name)
        digest = generations.manifest_digest(path / pointer.name)
        db.execute("update generations set digest = ? where spec = ?", (digest, spec))
        database.checkpoint(db)


def problems(path: Path) -> dict[tuple[str, str], Problem]:
    report = KnowledgeBase.check(path)
    assert report.ok == (not report.problems)
    return {(problem.file.partition("-")[2] or problem.file, problem.kind): problem for problem in report.problems}


def test_a_sound_store_has_no_problems(make: Make) -> None:
    kb = make(30)
    report = kb.verify()
    assert report.ok
    assert (report.sources, report.documents) == (30, 30)
    assert report.chunks == len(kb.chunk_ids())
    assert report.embeddings == kb.status().embeddings
    assert report.indexes == {"flat": report.chunks, "bm25": report.chunks}
    assert report.orphans == report.leftovers == ()


def test_it_counts_what_was_lost_to_the_id(make: Make, docs: Callable[..., list[Document]], answers: Callable) -> None:
    kb = make(60)
    before = answers(kb)
    ids = kb.chunk_ids().tolist()
    gone_from = {"flat": ids[5:35], "bm25": ids[20:50]}
    victims = [f"note-{n}" for n in range(50, 60)]
    chunks_of_victims = [c.id for c in kb.chunks(ids) if c.document in victims]
    names = ", ".join(f"'{name}'" for name in victims)
    blob = "zeroblob(128)"
    last = kb.status().embeddings
    tamper(
        kb,
        f"delete from chunks where document in (select id from documents where name in ({names}))",
        f"delete from documents where name in ({names})",
        *(f"insert into embeddings (key, vector) values (randomblob(32), {blob})" for _ in range(5)),
    )
    for spec, lost in gone_from.items():
        resave(kb.path, spec, lambda index, lost=lost: index.remove(lost))
    strangers = [70_000 + n for n in range(5)]
    resave(kb.path, "flat", lambda index: index.add(np.eye(5, 32, dtype=np.float32), strangers))
    with KnowledgeBase.open(kb.path) as reader:
        found = {(p.file.partition("-")[2] or p.file, p.kind): p for p in reader.verify().problems}
        assert reader.verify().orphans[-5:] == tuple(range(last + 1, last + 6))
        # Searching such a store is refused, not answered with less.
        with pytest.raises(StoreCorrupt, match="rag repair"):
            reader.index("terms").search([["amber"]], 1)
        # The next ingest does not take what is lost for unchanged.
        assert [n for n, s in reader.sources().items() if not s.complete] == victims
    assert found["flat", "missing"].ids == tuple(gone_from["flat"])
    assert found["bm25", "missing"].ids == tuple(gone_from["bm25"])
    assert found["flat", "missing"].count == found["bm25", "missing"].count == 30
    assert found["store.sqlite", "lost documents"].count == 10
    assert found["store.sqlite", "lost documents"].ids == tuple(victims)
    assert found["flat", "extra"].ids == (*chunks_of_victims, *strangers)
    assert found["bm25", "extra"].ids == tuple(chunks_of_victims)
    report = KnowledgeBase.mend(kb.path)
    assert set(report.rebuilt) == {"flat", "bm25"}
    assert sorted(report.reingest) == victims
    assert not report.salvaged
    with KnowledgeBase.open(kb.path, mode="w", embedder=HashingEmbedder(32)) as mended:
        assert mended.add(docs(60)).added == 10
        assert mended.verify().ok
        assert answers(mended) == before


@pytest.mark.parametrize(
    ("statement", "kind", "names"),
    [
        ("update chunks set text = 'other words' where id = 3", "span", (3,)),
        ("update chunks set start = start + 1 where id = 4", "span", (4,)),
        ("update documents set text = text || '!' where name = 'note-2'", "digest", ("note-2",)),
        ("update documents set metadata = '{}' where name = 'note-2'", "digest", ("note-2",)),
        ("update chunks set embedding = embedding + 1 where id = 5", "vector", (5,)),
        ("update embeddings set vector = zeroblob(5) where id = 6", "vector", None),
        ("delete from embeddings where id = 7", "reference", None),
        ("delete from chunks where id = 8", "extra", (8,)),
    ],
)
def test_it_sees_every_kind_of_change_and_repair_mends_it(
    make: Make, docs: Callable[..., list[Document]], answers: Callable, statement: str, kind: str, names: tuple | None
) -> None:
    kb = make(20)
    before = answers(kb)
    tamper(kb, statement)
    found = {problem.kind: problem for problem in KnowledgeBase.check(kb.path).problems}
    assert kind in found
    if names is not None:
        assert found[kind].ids == names
    KnowledgeBase.mend(kb.path)
    with KnowledgeBase.open(kb.path, mode="w", embedder=HashingEmbedder(32)) as mended:
        if kind != "extra":  # a chunk that is gone with all its marks is not known to have been
            mended.add(docs(20))
            assert answers(mended) == before
        assert mended.verify().ok


def test_damaged_indexes_are_named_and_rebuilt(make: Make, answers: Callable) -> None:
    kb = make(40)
    before = answers(kb)
    places = {g.spec: kb.path / g.folder for g in kb.status().generations}
    kb.close()
    for spec, file in (("flat", "vectors.npy"), ("bm25", "lengths.npy")):
        with (places[spec] / file).open("r+b") as handle:
            handle.seek(-5, 2)
            handle.write(b"?")
    stray = kb.path / "generations" / "000099-flat"
    stray.mkdir()
    found = problems(kb.path)
    assert "vectors.npy" in found["flat", "damaged"].detail
    assert "lengths.npy" in found["bm25", "damaged"].detail
    assert KnowledgeBase.check(kb.path).leftovers == ("generations/000099-flat",)
    report = KnowledgeBase.mend(kb.path)
    assert set(report.rebuilt) == {"flat", "bm25"}
    assert report.removed == ("generations/000099-flat",)
    assert len(report.done) == 3
    with KnowledgeBase.open(kb.path, embedder=HashingEmbedder(32)) as mended:
        assert answers(mended) == before
        assert mended.verify().ok
    assert KnowledgeBase.mend(kb.path).done == []


def damage_page(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * database.PAGE_SIZE + 4000)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.slow
def test_a_damaged_database_is_salvaged_page_by_page(
    make: Make, docs: Callable[..., list[Document]], answers: Callable, tmp_path: Path
) -> None:
    import shutil

    kb = make(60)
    before = answers(kb)
    kb.keep_setting("calibration:extractive", "kept")
    kb.close()
    pages = (kb.path / "store.sqlite").stat().st_size // database.PAGE_SIZE
    outcomes = {"salvaged": 0, "beyond": 0, "most kept": 0}
    for page in np.linspace(0, pages - 1, 12).astype(int).tolist():
        copy = tmp_path / f"page{page}"
        shutil.copytree(kb.path, copy)
        damage_page(copy / "store.sqlite", page)
        try:
            report = KnowledgeBase.mend(copy)
        except StoreCorrupt as error:
            assert "store.sqlite is damaged beyond repair" in str(error)  # noqa: PT017
            assert page < 3, "only the pages of schema and identity cannot be spared"
            outcomes["beyond"] += 1
            continue
        assert report.salvaged
        outcomes["salvaged"] += 1
        assert (copy / "store.sqlite.damaged").exists()
        with KnowledgeBase.open(copy, mode="w", embedder=HashingEmbedder(32)) as mended:
            held = mended.document_ids()
            assert mended.setting("calibration:extractive") == "kept"
            outcomes["most kept"] += len(held) >= 40
            for document in docs(60):
                assert document.id not in held or mended.document(document.id) == document
            missing = [d.id for d in docs(60) if d.id not in held]
            assert set(missing) <= set(report.reingest) | {d.id for d in docs(60) if d.source not in mended.sources()}
            assert mended.add(docs(60)).added == len(missing)
            assert answers(mended) == before
            mended.purge()
        assert not (copy / "store.sqlite.damaged").exists()
        assert KnowledgeBase.check(copy).ok
    assert outcomes["salvaged"] >= 9
    assert outcomes["most kept"] >= 6, "one page costs the documents on it, unless it is the root of a table"


@pytest.mark.parametrize("how", ["cut", "grown", "header"])
def test_a_cut_database_is_salvaged(make: Make, docs: Callable, answers: Callable, how: str) -> None:
    kb = make(60)
    before = answers(kb)
    kb.close()
    path = kb.path / "store.sqlite"
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        if how == "cut":
            file.truncate(size - 3 * database.PAGE_SIZE - 100)
        elif how == "grown":
            file.write(b"\0" * 77)
        else:
            file.seek(20)
            file.write(b"\0")
    with pytest.raises(StoreCorrupt, match=r"store\.sqlite"):
        KnowledgeBase.open(kb.path)
    report = KnowledgeBase.mend(kb.path)
    assert report.salvaged
    assert report.may_miss_documents
    assert f"the {report.documents} documents that could be read" in report.done[0]
    with KnowledgeBase.open(kb.path, mode="w", embedder=HashingEmbedder(32)) as mended:
        mended.add(docs(60))
        assert answers(mended) == before
        assert mended.verify().ok
