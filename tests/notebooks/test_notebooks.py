"""Every notebook runs from a clean kernel, on the pages of the docs that it asks about: a third of what is embedded.

``make notebooks`` runs them on all pages and keeps what they print.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index.md", "concepts/answers.md", "concepts/indexes.md", "concepts/retrieval.md", "concepts/storage.md",
    "how-to/delete.md", "how-to/experiment.md", "how-to/filter.md", "how-to/ingest.md", "how-to/recover.md",
    "how-to/remember.md", "how-to/script.md",
)  # fmt: skip
TIMES = {"timeout": 600, "startup_timeout": 300, "iopub_timeout": 300}
"""Seconds; a machine that does much else needs more than Jupyter's own."""


# Jupyter's own libraries warn about each other; their warnings are not ours to fix.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    for page in PAGES:
        (tmp_path / "docs" / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "docs" / page, tmp_path / "docs" / page)
    notebook = nbformat.read(path, as_version=4)
    for left in (2, 1, 0):
        try:
            NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, **TIMES).execute()
            break
        except RuntimeError:  # no kernel: its ports are chosen before it takes them, and another process was first
            if not left:
                raise
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "Error" not in printed
    if path.name.startswith("02_"):
        assert any("image/png" in output.get("data", {}) for output in notebook.cells[-1].outputs)
