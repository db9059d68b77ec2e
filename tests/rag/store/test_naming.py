"""One name for one real file, however its path is spelled; a move is a move."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.ingest import IngestReport, Options, ingest
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load

OPTIONS = Options(embedder=HashingEmbedder(16))
Take = Callable[..., IngestReport]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ferry.md").write_text("The ferry leaves at nine in the evening.")
    return lambda *paths, **how: ingest(paths, tmp_path / "kb", options=OPTIONS, **how)


def stored(tmp_path: Path) -> dict[str, str]:
    with KnowledgeBase.open(tmp_path / "kb", embedder=OPTIONS.embedder) as kb:
        return {name: kb.document(name).text for name in kb.document_ids()}


def test_every_spelling_of_a_path_is_the_same_document(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("docs")
    assert take("docs").added == 1
    for again in (tmp_path / "docs", "./docs/../docs", "link", "docs/ferry.md", tmp_path / "link" / "ferry.md"):
        assert take(again).unchanged_files == 1, again
    monkeypatch.chdir(tmp_path / "docs")
    assert take(".").unchanged_files == 1
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "ferry.md").write_text("The ferry leaves at seven in the morning.")
    assert take(tmp_path / "docs").changed == 1
    assert stored(tmp_path) == {"docs/ferry.md": "The ferry leaves at seven in the morning."}


def test_from_python_too(take: Take, tmp_path: Path) -> None:
    take("docs")
    with KnowledgeBase.open(tmp_path / "kb", mode="w", embedder=OPTIONS.embedder) as kb:
        report = kb.add(load(tmp_path / "docs"))
        assert (report.added, kb.document_ids()) == (0, ["docs/ferry.md"])
    with KnowledgeBase.create(tmp_path / "new", embedder=OPTIONS.embedder) as kb:
        kb.add([*load("docs"), *load(tmp_path / "docs")])
        assert kb.document_ids() == ["docs/ferry.md"]


def test_copies_that_an_earlier_version_made_go(take: Take, tmp_path: Path) -> None:
    (found,) = load("docs")
    with KnowledgeBase.create(tmp_path / "kb", embedder=OPTIONS.embedder) as kb:
        kb.add([found])
        with kb._store.session.writing() as db:  # as it was before names were looked up
            db.execute("insert into sources (name, sha256, location, stamp, complete, produced)"
                       " select '/old/ferry.md', sha256, location, stamp, 1, 0 from sources")  # fmt: skip
    take("docs")
    with KnowledgeBase.open(tmp_path / "kb", embedder=OPTIONS.embedder) as kb:
        assert list(kb.sources()) == ["docs/ferry.md"]


def test_a_moved_file_keeps_its_embeddings_and_leaves_no_copy(take: Take, tmp_path: Path) -> None:
    take("docs")
    (tmp_path / "archive").mkdir()
    (tmp_path / "docs" / "ferry.md").rename(tmp_path / "archive" / "ferry.md")
    report = take("archive")
    assert (report.moved, report.added, report.removed, report.embedded) == (1, 1, 1, 0)
    assert list(stored(tmp_path)) == ["archive/ferry.md"]


def test_a_copy_is_no_move(take: Take, tmp_path: Path) -> None:
    take("docs")
    (tmp_path / "docs" / "copy.md").write_bytes((tmp_path / "docs" / "ferry.md").read_bytes())
    assert take("docs").moved == 0
    assert len(stored(tmp_path)) == 2


def test_accents_in_names_and_fields_compare_composed(take: Take, tmp_path: Path) -> None:
    apart, whole = unicodedata.normalize("NFD", "Zoë"), "Zoë"
    (tmp_path / "docs" / f"{apart}.md").write_text(f"---\nauthor: {apart}\n---\nThe gate is green.")
    take("docs")
    with KnowledgeBase.open(tmp_path / "kb", embedder=OPTIONS.embedder) as kb:
        assert f"docs/{whole}.md" in kb.document_ids()
        assert kb.document(f"docs/{apart}.md").metadata == {"author": whole}
        for name in (apart, whole):
            for where in (f'author == "{name}"', f'author startswith "{name}"', f'source == "docs/{name}.md"'):
                assert len(kb.allowed(where)) == 1, where
        assert kb.sources()[f"docs/{whole}.md"].location == str(tmp_path / "docs" / f"{apart}.md")
    assert take("docs").unchanged_files == 2


def test_two_real_files_that_differ_in_accents_only_are_not_mixed_up_silently(take: Take, tmp_path: Path) -> None:
    for form, text in (("NFC", "One."), ("NFD", "Two.")):
        (tmp_path / "docs" / f"{unicodedata.normalize(form, 'é')}.md").write_text(text)
    if len(list((tmp_path / "docs").iterdir())) < 3:
        pytest.skip("this file system takes both names for one")
    report = take("docs")
    assert report.failed == 1
    assert "é.md" in report.failures[0].source


def test_documents_without_a_file_keep_their_names(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=OPTIONS.embedder) as kb:
        kb.add([Document.from_text("a", id="one"), Document.from_text("a", id="two")])
        assert kb.document_ids() == ["one", "two"]
