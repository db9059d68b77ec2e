"""A knowledge base that an earlier version stored opens, answers as it did, and says what it no longer applies."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from rag import Bot, HashingEmbedder, KnowledgeBase, PipelineConfig, Retriever

STORED = Path(__file__).parent / "data" / "kb-384c4e0.tar.xz"
"""Made by the commit of that name: hnsw and bm25, five documents of which one was removed, and a calibration."""
FOUND = [("black", 1.00039), ("tea", 0.82607), ("coffee", -0.78207), ("lock", -1.04439)]
"""Its retriever's answer to the question below, before there was a pipeline value."""
QUESTION = "How hot is green tea?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(STORED) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "kb"


def test_it_opens_and_finds_what_it_found(folder: Path) -> None:
    assert KnowledgeBase.check(folder).ok
    with KnowledgeBase.open(folder, embedder=HashingEmbedder(32)) as kb:
        assert PipelineConfig.of(kb) == PipelineConfig()
        found = Retriever(kb, k=4, rewrite="none").retrieve(QUESTION)
    assert [p.document for p in found] == [name for name, _ in FOUND]
    assert [p.score for p in found] == pytest.approx([score for _, score in FOUND], abs=1e-4)


def test_a_calibration_of_an_unknown_pipeline_is_not_applied_and_said(folder: Path) -> None:
    with Bot.open(folder) as bot:
        answer = bot.ask(QUESTION)
    (note,) = answer.notes
    assert "an earlier version did not say which" in note
    assert f"rag calibrate {folder} QUESTIONS" in note


def test_it_can_be_configured_and_added_to(folder: Path) -> None:
    with KnowledgeBase.open(folder, mode="w", embedder=HashingEmbedder(32)) as kb:
        PipelineConfig(k=2).store(kb)
        assert Retriever(kb).config.k == 2
        assert kb.verify().ok
