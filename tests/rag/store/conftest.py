"""A small corpus, and the reference that tests of the store compare with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.selftest.corpus import CHUNKER, WORDS, answers, documents, text_of
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase


@pytest.fixture
def docs() -> Callable[..., list[Document]]:
    return documents


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., KnowledgeBase]:
    """Make a knowledge base of ``count`` documents, open for writing."""
    made: list[KnowledgeBase] = []

    def build(count: int = 20, *, name: str = "kb", **options: object) -> KnowledgeBase:
        options = {"embedder": HashingEmbedder(32), "chunker": CHUNKER, **options}
        kb = KnowledgeBase.create(tmp_path / name, **options)  # type: ignore[arg-type]
        made.append(kb)
        if count:
            kb.add(documents(count))
        return kb

    yield build
    for kb in made:
        kb.close()


@pytest.fixture(name="answers")
def _answers() -> Callable[..., object]:
    return answers


__all__ = ["CHUNKER", "WORDS", "answers", "documents", "text_of"]
