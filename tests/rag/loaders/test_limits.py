"""What a parser may use grows with the file, and is said in words that help."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from rag.errors import InvalidInput
from rag.loaders import load
from rag.loaders.limits import ParseLimits

MEGABYTE = 1 << 20


def test_a_large_file_has_longer() -> None:
    limits = ParseLimits()
    assert [limits.step(size * MEGABYTE) for size in (0, 1, 100)] == [30.0, 40.0, 1030.0]
    assert limits.whole(MEGABYTE) == limits.wall(MEGABYTE) == 400.0
    assert limits.memory == 1024


def test_a_limit_that_was_given_holds_for_every_size() -> None:
    limits = ParseLimits(7.5, 300)
    assert (limits.step(0), limits.step(100 * MEGABYTE), limits.memory) == (7.5, 7.5, 300)


@pytest.mark.parametrize(("options", "said"), [
    ({"parse_seconds": 0}, "parse_seconds=0: give a positive number"),
    ({"parse_seconds": float("nan")}, "parse_seconds=nan"),
    ({"parse_memory": 5}, "parse_memory=5: a parser needs 128 megabytes"),
])  # fmt: skip
def test_too_little_for_anything_is_refused(tmp_path: Path, options: dict[str, float], said: str) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match=said):
        list(load(tmp_path, **options))  # type: ignore[arg-type]


def test_an_archive_of_many_small_notes_goes_in(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        for number in range(1200):
            archive.writestr(f"n{number}.md", f"Buoy {number} is green.")
    failures: list[object] = []
    documents = list(load(tmp_path, failures=failures))  # type: ignore[arg-type]
    assert (len(documents), failures) == (1200, [])
