"""The site builds from the pages and docstrings, whole, and asks no other server for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rag

pytest.importorskip("sphinx")
pytest.importorskip("llama_index.core")

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def built(pages: Path, into: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-c", str(ROOT / "site"), str(pages), str(into)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = built(ROOT / "docs", tmp_path / "site")
    assert done.returncode == 0, done.stderr[-3000:]
    reference = (tmp_path / "site" / "api" / "rag.html").read_text(encoding="utf-8")
    missing = [name for name in rag.__all__ if f">{name}<" not in reference and f".{name}" not in reference]
    assert not missing
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]*)\"", page.read_text(encoding="utf-8")
        )
        assert not loaded, (page, loaded)


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "index.md", tmp_path / "docs")
    (tmp_path / "docs" / "quick-start.md").write_text("# Quick start\n\n[gone](how-to/gone.md)\n")
    done = built(tmp_path / "docs", tmp_path / "site")
    assert done.returncode != 0
    assert "how-to/gone.md" in done.stderr
