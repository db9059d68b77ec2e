from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli import ingest as command
from pipelines.ingest import Options, ingest

ENGLISH = "Otters sleep in the river, holding hands so that the current does not part them.\n"
JAPANESE = "カワウソは川で眠り、流れに離されないように手をつないでいます。\n"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "english.md").write_text(ENGLISH)
    return folder


def test_what_the_default_model_cannot_read_is_told(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (docs / "japanese.md").write_text(JAPANESE, encoding="utf-8")
    report = ingest([docs], tmp_path / "kb")
    letters = [c for c in ENGLISH + JAPANESE if c.isalpha()]
    assert report.other_scripts == round(sum(not c.isascii() for c in letters) / len(letters), 3)
    command.show(report)
    said = capsys.readouterr().err
    assert f"{report.other_scripts:.0%} of the letters" in said
    assert "--embedder" in said


def test_english_and_its_neighbours_are_read(docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (docs / "spanish.md").write_text("El niño pequeño soñó con un pingüino: ¡qué alegría!\n", encoding="utf-8")
    report = ingest([docs], tmp_path / "kb")
    assert report.other_scripts == 0
    command.show(report)
    assert not capsys.readouterr().err


def test_nothing_is_said_of_another_model_or_of_nothing_new(docs: Path, tmp_path: Path):
    (docs / "japanese.md").write_text(JAPANESE, encoding="utf-8")
    assert ingest([docs], tmp_path / "hashing", options=Options(embedder="hashing-64")).other_scripts == 0
    assert ingest([docs], tmp_path / "kb").other_scripts > 0
    assert ingest([docs], tmp_path / "kb").other_scripts == 0
