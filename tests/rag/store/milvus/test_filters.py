"""A filter allows and finds the same chunks in Milvus Lite as in SQLite, whatever values and fields it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.filters import Filter, Node
from rag.knowledge_base import KnowledgeBase
from tests.filters_of_every_kind import check_the_same_chunks, for_each_filter, knowledge_bases
from tests.milvus_needed import needs_milvus

pytestmark = [needs_milvus, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KnowledgeBase]]:
    folder = tmp_path_factory.mktemp("kb")
    with knowledge_bases(folder / "kb", f"milvus://{folder}/lite.db#filters") as made:
        yield made


@for_each_filter(100)
def test_the_same_chunks(both: list[KnowledgeBase], node: Node) -> None:
    where = Filter(node)
    allowed = check_the_same_chunks(*both, where)
    if allowed:
        query = both[0].embedder.embed_queries(["Otters sleep"])
        one, two = (kb.index("dense").search(query, 100, allow=kb.allowed(where)) for kb in both)
        assert sorted(two.row(0)[0].tolist()) == sorted(one.row(0)[0].tolist()) == allowed
        assert two.row(0)[1].tolist() == pytest.approx(one.row(0)[1].tolist(), abs=1e-6)
