"""Engines that another package brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import indexes
from rag import HashingEmbedder, KnowledgeBase
from rag.documents.document import Document

MODULE = """
from indexes.flat import FlatIndex

class MyIndex(FlatIndex):
    name = "mine"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package that brings an engine, as pip would leave it."""
    (tmp_path / "my_engine.py").write_text(MODULE)
    info = tmp_path / "my_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[rag_workbench.indexes]\nmine = my_engine:MyIndex\nlost = my_engine_gone:MyIndex\nflat = my_engine:MyIndex\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return tmp_path


def test_it_is_used_by_name_and_found_by_another_process(package: Path):
    index = indexes.dense("mine", 2)
    assert type(index).__name__ == "MyIndex"
    index.build(np.eye(2), [7, 8])
    index.save(package / "saved")
    code = f"import indexes; index = indexes.load({str(package / 'saved')!r}); print(index.name, index.ids().tolist())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "mine [7, 8]\n"


def test_a_knowledge_base_searches_by_it(package: Path, tmp_path: Path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(16), indexes=["mine", "bm25"]) as kb:
        kb.add([Document.from_text("Otters hold hands.", id="otters")])
        assert kb.index("dense").name == "mine"


def test_the_package_s_own_engines_come_first_and_a_broken_one_says_whose_it_is(package: Path):
    assert type(indexes.dense("flat", 2)).__name__ == "FlatIndex"
    with pytest.raises(indexes.EngineMissing, match=r"'lost' of my-engine cannot be imported .*pip install"):
        indexes.dense("lost", 2)
    with pytest.raises(indexes.UnknownParameter, match="did you mean 'mine'"):
        indexes.dense("mines", 2)
