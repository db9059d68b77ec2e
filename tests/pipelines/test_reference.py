"""README.md and docs/reference.md say what the code says."""

from __future__ import annotations

from pathlib import Path

from pipelines.reference import pages

ROOT = Path(__file__).resolve().parents[2]


def test_generated_pages_are_up_to_date() -> None:
    stale = [path.name for path, now, new in pages(ROOT) if now != new]
    assert not stale, f"run: make docs ({stale})"


def test_the_check_sees_a_stale_page(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    block = "<!-- generated: exit codes -->\nold\n<!-- end -->\n"
    (tmp_path / "README.md").write_text(block)
    (tmp_path / "docs" / "reference.md").write_text("nothing generated here\n")
    changed = {path.name: now != new for path, now, new in pages(tmp_path)}
    assert changed == {"README.md": True, "reference.md": False}
