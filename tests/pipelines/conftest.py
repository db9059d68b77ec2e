"""A small knowledge base that several commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli import run


@pytest.fixture
def kb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "boats.md").write_text("# Boats\n\nThe ferry leaves at noon. The barge carries gravel to the mill.\n")
    assert run(["ingest", str(docs), "--into", str(tmp_path / "kb"), "--embedder", "hashing-64"]) == 0
    capsys.readouterr()
    return str(tmp_path / "kb")
