"""Storing a pipeline value keeps the one before, and undoing goes back step by step, whatever a kill interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import HashingEmbedder, KnowledgeBase, PipelineConfig
from rag.errors import InvalidInput, StoreMismatch
from rag.retrieval import pipeline_history
from rag.retrieval.config import SETTING


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker="document") as made:
        yield made


def test_undo_goes_back_step_by_step_to_the_default(kb: KnowledgeBase) -> None:
    for k in (3, 4, 4, 5):  # storing the same again is not a step
        PipelineConfig(k=k).store(kb)
    assert [PipelineConfig.undo(kb).k for _ in range(3)] == [4, 3, PipelineConfig().k]
    assert kb.setting(SETTING) is None
    with pytest.raises(InvalidInput, match="nothing to undo"):
        PipelineConfig.undo(kb)


def test_after_an_undo_another_value_can_be_stored_and_undone(kb: KnowledgeBase) -> None:
    PipelineConfig(k=3).store(kb)
    PipelineConfig(k=4).store(kb)
    PipelineConfig.undo(kb)
    PipelineConfig(k=7).store(kb)
    assert PipelineConfig.undo(kb) == PipelineConfig(k=3)


def test_a_kill_between_noting_and_storing_costs_no_step(kb: KnowledgeBase) -> None:
    PipelineConfig(k=3).store(kb)
    PipelineConfig(k=4).store(kb)
    pipeline_history.remember(kb, kb.setting(SETTING))  # and here it was killed
    assert PipelineConfig.undo(kb) == PipelineConfig(k=3)


def test_the_history_is_bounded(kb: KnowledgeBase) -> None:
    for k in range(1, pipeline_history.KEPT + 10):
        PipelineConfig(k=k).store(kb)
    assert len(pipeline_history.earlier(kb)) == pipeline_history.KEPT


def test_what_this_version_cannot_read_is_named_and_storing_works_on(kb: KnowledgeBase) -> None:
    kb.keep_setting(SETTING, "k = 3\nteleport = true\n")
    PipelineConfig(k=4).store(kb)
    with pytest.raises(StoreMismatch, match="teleport"):
        PipelineConfig.undo(kb)
    assert PipelineConfig.of(kb) == PipelineConfig(k=4)
    kb.keep_setting(pipeline_history.HISTORY, '{"of": "a newer version"}')
    with pytest.raises(StoreMismatch, match="newer"):
        PipelineConfig.undo(kb)
    PipelineConfig(k=5).store(kb)
    assert PipelineConfig.undo(kb) == PipelineConfig(k=4)
