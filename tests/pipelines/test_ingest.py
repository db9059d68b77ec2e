from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE
from pipelines.ingest import IngestProgress, Options, ingest
from rag import Document
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase


def test_documents_are_expected_by_those_read_so_far():
    assert IngestProgress().documents_expected is None
    assert IngestProgress(files=1, files_read=1, documents_read=40).documents_expected is None  # one file may hold many
    assert IngestProgress(files=10, files_read=4, documents_read=6).documents_expected == 15
    assert IngestProgress(files=10, files_read=10, documents_read=12, stage="writing").documents_expected == 12


def test_progress_ends_with_all_documents_safe_on_disk(tmp_path: Path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(7):
        (docs / f"{number}.md").write_text(f"# Note {number}\n\nOtter number {number} sleeps.\n")
    told: list[tuple[str, int | None, int]] = []
    ingest(
        [docs],
        tmp_path / "kb",
        options=Options(embedder="hashing-64"),
        on_progress=lambda p: told.append((p.stage, p.documents_expected, p.documents)),
    )
    assert told[-1] == ("writing", 7, 7)
    stored = [documents for _, _, documents in told]
    assert stored == sorted(stored)


def test_the_command_line_raises_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given: dict[str, object] = {}

    def load_files(*_: object, **options: object) -> Iterator[Document]:
        given.update(options)
        yield Document.from_text("Otters sleep.", id="a.md")

    monkeypatch.setattr("pipelines.ingest.load_files", load_files)
    (tmp_path / "a.md").write_text("Otters sleep.\n")
    command = ["ingest", str(tmp_path / "a.md"), "--into", str(tmp_path / "kb"), "--embedder", "hashing-64"]
    assert run([*command, "--parse-seconds", "90", "--parse-memory", "2000"]) == 0
    assert (given["parse_seconds"], given["parse_memory"]) == (90.0, 2000)


def test_impossible_limits_make_no_knowledge_base(tmp_path: Path):
    (tmp_path / "a.md").write_text("Otters sleep.\n")
    with pytest.raises(InvalidInput, match="parse_seconds=-1"):
        ingest([tmp_path / "a.md"], tmp_path / "kb", parse_seconds=-1)
    assert not (tmp_path / "kb").exists()


def test_files_that_are_not_in_are_listed_by_status_until_they_are_in_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    for name in ("docs/a.json", "docs/b.json", "more/c.json"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text('{"text": ')
    Path("docs/good.md").write_text("A good one.")
    Path("docs/picture.bin").write_bytes(bytes(range(256)))

    def not_in() -> list[str]:
        with KnowledgeBase.open("kb") as kb:
            return sorted(kb.status().not_in)

    assert run(["ingest", "docs", "more", "--into", "kb", "--embedder", "hashing-16"]) == 2
    assert not_in() == ["docs/a.json", "docs/b.json", "more/c.json"]
    capsys.readouterr()
    assert run(["status", "kb", "--remarks"]) == 0
    said = capsys.readouterr().out
    assert "not in" in said
    assert "docs/a.json: not in: parse: " in said
    Path("docs/a.json").write_text('{"text": "Mended."}')
    Path("docs/b.json").unlink()
    assert run(["ingest", "docs", "--into", "kb"]) == 0
    assert not_in() == ["more/c.json"]
    assert run(["ingest", ".", "--into", "kb"]) in (0, 2)
    assert not_in() == ["more/c.json"]


def test_groups_are_kept_with_documents_and_change_with_the_next_ingest(tmp_path: Path):
    docs, kb = tmp_path / "docs", tmp_path / "kb"
    docs.mkdir()
    (docs / "a.md").write_text("---\nacl: [everyone]\n---\nOtters sleep.\n")

    def groups(*acl: str) -> object:
        report = ingest([docs], kb, options=Options(embedder="hashing-64"), acl=acl)
        assert report.embedded <= 1
        with KnowledgeBase.open(kb) as base:
            (own,) = base.document_ids()
            return base.document(own).metadata.get("acl")

    assert groups("sales", "board", "sales") == ["board", "sales"]
    assert groups("sales") == ["sales"]
    assert groups() is None


@pytest.mark.parametrize("acl", ["sales", [" "], [3]])
def test_groups_are_names(tmp_path: Path, acl: object):
    with pytest.raises(InvalidInput, match="names of groups"):
        ingest([tmp_path], tmp_path / "kb", acl=acl)  # type: ignore[arg-type]


def test_the_field_of_groups_has_its_own_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["ingest", str(tmp_path), "--into", str(tmp_path / "kb"), "--meta", "acl=sales"]) == BAD_USAGE
    assert "give --acl GROUP" in capsys.readouterr().err
