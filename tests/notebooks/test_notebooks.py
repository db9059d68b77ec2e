"""Every notebook runs from a clean kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
TIMES = {"timeout": 600, "startup_timeout": 300, "iopub_timeout": 300}
"""Seconds; a machine that does much else needs more than Jupyter's own."""


# Jupyter's own libraries warn about each other; their warnings are not ours to fix.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for left in (2, 1, 0):
        try:
            NotebookClient(notebook, resources={"metadata": {"path": str(FOLDER)}}, **TIMES).execute()
            break
        except RuntimeError:  # no kernel: its ports are chosen before it takes them, and another process was first
            if not left:
                raise
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "Error" not in printed
    if path.name.startswith("02_"):
        assert any("image/png" in output.get("data", {}) for output in notebook.cells[-1].outputs)
