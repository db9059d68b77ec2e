"""What killed commands leave behind: it is known, listed, and swept by whoever comes next."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.errors import StoreLocked
from rag.knowledge_base import KnowledgeBase
from tests.rag.store.stepping import killed_at, spread, steps_of

E = HashingEmbedder(16)
SECRET = b"Zanzibarsecret"
FILLER = "The otters of the valley hold each other's paws while they sleep. "


def _make(folder: Path, n: int = 12) -> Path:
    with KnowledgeBase.create(folder, embedder=E, chunker="sentences:64/0") as kb:
        kb.add(Document.from_text(f"Note {i}. {FILLER * 40}", id=f"note-{i}") for i in range(n))
        kb.add([Document.from_text(f"The {SECRET.decode()} is 7312.", id="secret")])
        kb.keep_setting("pipeline", "# as it was")
    return folder


def _damaged(folder: Path) -> Path:
    """Damage a page in the middle, which holds text."""
    path = _make(folder) / "store.sqlite"
    data = bytearray(path.read_bytes())
    at = data.index(b"hold each other", len(data) // 2)
    data[at] ^= 0x40
    path.write_bytes(data)
    return folder


def _holding(folder: Path) -> list[str]:
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and SECRET in p.read_bytes()]


def _steps(steps: int, share: str) -> list[int]:
    return spread(steps, 40 if share == "many steps" else 9)


SHARES = pytest.mark.parametrize("share", ["a few steps", pytest.param("many steps", marks=pytest.mark.slow)])


def _check_gone(folder: Path) -> None:
    with KnowledgeBase.open(folder, mode="w", embedder=E) as kb:
        kb.remove("secret")
        kb.purge()
        assert not kb.status().purge_due
        report = kb.verify()
    assert (report.ok, report.leftovers) == (True, ())
    assert _holding(folder) == []


@pytest.mark.slow
@SHARES
def test_a_repair_killed_on_its_way_is_finished_says_so_and_leaves_no_copy(tmp_path: Path, share: str) -> None:
    damaged = _damaged(tmp_path / "damaged")
    steps = steps_of(lambda: KnowledgeBase.mend(shutil.copytree(damaged, tmp_path / "whole"), embedder=E))
    assert steps > 100
    copies = 0
    for step in _steps(steps, share):
        folder = shutil.copytree(damaged, tmp_path / str(step))
        if not killed_at(lambda folder=folder: KnowledgeBase.mend(folder, embedder=E), step):
            continue
        copies += (folder / ".salvage").exists()
        report = KnowledgeBase.mend(folder, embedder=E)
        assert report.may_miss_documents, f"step {step}: documents may be lost, and nobody says so"
        assert report.salvaged
        _check_gone(folder)
        shutil.rmtree(folder)
    assert copies, "the kills landed where it matters"


def test_a_repair_says_that_documents_may_be_lost_until_the_next_ingest(tmp_path: Path) -> None:
    folder = _damaged(tmp_path / "kb")
    for _ in range(2):
        assert KnowledgeBase.mend(folder, embedder=E).salvaged
    with KnowledgeBase.open(folder, mode="w", embedder=E) as kb:
        assert kb.status().may_miss_documents
        assert kb.setting("pipeline") == "# as it was"
        kb.add([Document.from_text("Back again.", id="back")])
        assert not kb.status().may_miss_documents
    assert not KnowledgeBase.mend(folder, embedder=E).salvaged


def test_commits_that_were_lost_are_told_by_every_repair_until_the_next_ingest(tmp_path: Path) -> None:
    folder = _make(tmp_path / "kb")
    before = (folder / "store.sqlite").read_bytes()
    with KnowledgeBase.open(folder, mode="w", embedder=E) as kb:
        kb.add([Document.from_text("A late one.", id="late")])
        lock = (folder / "lock").read_bytes()
    (folder / "store.sqlite").write_bytes(before)
    (folder / "lock").write_bytes(lock)
    for _ in range(2):
        report = KnowledgeBase.mend(folder, embedder=E)
        assert report.commits_lost
        assert report.may_miss_documents
        assert "the last changes were lost" in report.done[0]


@pytest.mark.slow
@SHARES
def test_a_deletion_killed_on_its_way_is_finished_by_the_next_writer(tmp_path: Path, share: str) -> None:
    made = _make(tmp_path / "made")

    def delete(folder: Path) -> None:
        with KnowledgeBase.open(folder, mode="w", embedder=E) as kb:
            kb.remove("secret", purge=True)

    steps = steps_of(lambda: delete(shutil.copytree(made, tmp_path / "whole")))
    assert steps > 50
    assert _holding(tmp_path / "whole") == []
    between = 0
    for step in _steps(steps, share):
        folder = shutil.copytree(made, tmp_path / str(step))
        if not killed_at(lambda folder=folder: delete(folder), step):
            continue
        with KnowledgeBase.open(folder, embedder=E) as kb:
            there, due = "secret" in kb.document_ids(), kb.status().purge_due
        between += due
        KnowledgeBase.open(folder, mode="w", embedder=E).close()  # whoever comes next
        assert there or _holding(folder) == [], f"step {step}"
        _check_gone(folder)
        shutil.rmtree(folder)
    assert between, "the kills landed where it matters"


def test_a_deletion_that_a_reader_was_in_the_way_of_is_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.store.database._BUSY_MS", 50)
    folder = _make(tmp_path / "kb")
    with KnowledgeBase.open(folder, embedder=E):
        with KnowledgeBase.open(folder, mode="w", embedder=E) as kb:
            with pytest.raises(StoreLocked, match="close the readers"):
                kb.remove("secret", purge=True)
            assert kb.status().purge_due
            assert "secret" not in kb.document_ids()
        KnowledgeBase.open(folder, mode="w", embedder=E).close()  # still in the way: no error
        assert _holding(folder)
    KnowledgeBase.open(folder, mode="w", embedder=E).close()
    assert _holding(folder) == []


def test_whatever_a_killed_command_leaves_is_listed_and_swept(tmp_path: Path) -> None:
    folder = _make(tmp_path / "kb")
    names = (".salvage/copy.sqlite", ".note.json.4711-0123abcd.tmp", "store.sqlite.new", "generations/000099-flat/rows")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(SECRET)
    listed = KnowledgeBase.check(folder).leftovers
    assert sorted(listed) == [".note.json.4711-0123abcd.tmp", ".salvage", "generations/000099-flat", "store.sqlite.new"]
    (folder / "mine.txt").write_text("kept")
    KnowledgeBase.open(folder, mode="w", embedder=E).close()
    assert not [name for name in names if (folder / name).exists()]
    assert (folder / "mine.txt").exists()
    assert KnowledgeBase.check(folder).leftovers == ()
