"""PostgreSQL keeps the contract of stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, StoreContract
from tests.postgres_server import needs_postgres


@needs_postgres
class TestPostgres(StoreContract):
    """The fixture ``place`` is in conftest.py."""

    place = None
    test_finds_what_a_folder_finds = pytest.mark.slow(StoreContract.test_finds_what_a_folder_finds)


@needs_postgres
class TestHashes(StoreContract):
    """With hashes, which are of all chunks of the tests: so they are told apart from nothing but exact search."""

    place = None
    test_finds_what_a_folder_finds = pytest.mark.slow(StoreContract.test_finds_what_a_folder_finds)
    test_is_copied_there_and_back = pytest.mark.slow(StoreContract.test_is_copied_there_and_back)

    @contextmanager
    def made(self, place: str | Path, granularity: str = "chunk", **own: Any) -> Iterator[KnowledgeBase]:
        specs = {"indexes": ["lsh", "bm25"]} if isinstance(place, str) and own.get("metric") is None else {}
        with super().made(place, granularity, **own, **specs) as kb:
            yield kb

    def test_is_for_the_cosine(self, place: str) -> None:
        for metric in ("ip", "l2"):
            with pytest.raises(InvalidInput, match=r"hnsw:storage=half or flat"):
                KnowledgeBase.create(place, embedder=HashingEmbedder(DIM), metric=metric, indexes=["lsh"])
            assert not KnowledgeBase.exists(place)
        with self.made(place, metric="ip") as kb, pytest.raises(InvalidInput, match=r"hnsw:storage=half or flat"):
            kb.reindex(["lsh", "bm25"])
