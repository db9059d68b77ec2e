from __future__ import annotations

from pathlib import Path

from pipelines.ingest import IngestProgress, Options, ingest


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
