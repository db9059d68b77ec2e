"""The public face: what ``rag`` exports, how fast it comes, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rag

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "faiss",
    "openvino",
    "matplotlib",
    "lxml",
    "typer",
    "openai",
    "xllamacpp",
    "llguidance",
)


def test_all_is_what_can_be_imported() -> None:
    assert list(rag.__all__) == sorted(rag.__all__)
    assert set(rag.__all__) == set(rag._HOME)
    assert set(rag.__all__) <= set(dir(rag))
    with pytest.raises(AttributeError, match="no attribute 'Robot'"):
        _ = rag.Robot


def test_everything_public_is_documented() -> None:
    assert [name for name in rag.__all__ if not (getattr(rag, name).__doc__ or "").strip()] == []


def test_import_loads_nothing_heavy_and_no_pipelines() -> None:
    code = f"import sys, rag; print(sorted({set(HEAVY) | {'pipelines'}!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_foreign_package_named_indexes_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "indexes.py").write_text("mine = True\n")
    done = subprocess.run(
        [sys.executable, "-c", "import rag"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "is not rag-workbench's" in done.stderr


def test_a_users_folder_named_pipelines_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    subprocess.run([sys.executable, "-c", "import rag"], check=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
