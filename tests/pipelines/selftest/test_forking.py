"""What a forked child may take does not depend on what its parent holds."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from pipelines.selftest.corpus import CHUNKER, E, documents
from pipelines.selftest.forking import in_child
from rag.knowledge_base import KnowledgeBase

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory here")


def test_a_child_of_a_parent_with_much_address_space_can_work(tmp_path: Path) -> None:
    # as a test worker with torch, faiss, OpenVINO, gRPC and a language model has
    reserved = mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)

    def work() -> int:
        with KnowledgeBase.create(tmp_path / "kb", embedder=E, chunker=CHUNKER) as kb:
            return kb.add(documents(3)).added

    status, said = in_child(work)
    reserved.close()
    assert (status, said) == (0, "3")


def test_a_child_that_takes_more_than_it_may_fails() -> None:
    status, said = in_child(lambda: len(bytearray(300 << 20)), memory=200 << 20)
    assert status != 0
    assert "MemoryError" in said
