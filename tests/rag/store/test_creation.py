"""A creation that was killed at any of its steps can be repeated."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rag.embedding import HashingEmbedder
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase
from tests.rag.store.stepping import killed_at, steps_of


def _create(folder: Path) -> None:
    KnowledgeBase.create(folder, embedder=HashingEmbedder(16)).close()


def _repeat(folder: Path) -> None:
    if not KnowledgeBase.exists(folder):
        _create(folder)
    assert KnowledgeBase.check(folder).ok


@pytest.mark.slow
def test_a_creation_killed_at_any_step_can_be_repeated(tmp_path: Path) -> None:
    steps = steps_of(lambda: _create(tmp_path / "whole"))
    assert steps > 30
    seen = set()
    for last in range(1, steps + 1):
        folder = tmp_path / str(last)
        assert killed_at(lambda folder=folder: _create(folder), last)
        seen |= {entry.name for entry in folder.iterdir()} if folder.exists() else set()
        _repeat(folder)
    assert "store.sqlite.new-journal" in seen  # the kills landed where it matters


def test_a_journal_of_a_killed_creation_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in ("store.sqlite.new", "store.sqlite.new-journal", "store.sqlite.new-wal"):
        (tmp_path / "kb").mkdir(exist_ok=True)
        (tmp_path / "kb" / name).write_bytes(b"half")
        _repeat(tmp_path / "kb")
        for entry in (tmp_path / "kb").iterdir():
            assert not entry.name.startswith("store.sqlite.new")
        shutil.rmtree(tmp_path / "kb")


def test_the_engine_of_a_server_is_named_as_such(tmp_path: Path) -> None:
    specs, said = ["flat", "bm25:engine=pg_textsearch"], "is for knowledge bases in PostgreSQL"
    with pytest.raises(InvalidInput, match=said):
        KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(16), indexes=specs)
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(16)) as kb:
        with pytest.raises(InvalidInput, match=said):
            kb.reindex(specs)
        assert kb.verify().ok
