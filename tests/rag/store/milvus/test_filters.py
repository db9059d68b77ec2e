"""A filter allows and finds the same chunks in Milvus Lite as in SQLite, whatever values and fields it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from rag.filters import FieldTest, Filter, Node, Not
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from tests.filters_of_every_kind import documents, nodes
from tests.milvus_needed import needs_milvus

pytestmark = [needs_milvus, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KnowledgeBase]]:
    folder = tmp_path_factory.mktemp("kb")
    places: list[str | Path] = [folder / "kb", f"milvus://{folder}/lite.db#filters"]
    made = [
        KnowledgeBase.create(place, embedder=HashingEmbedder(8), chunker="document", granularity="chunk")
        for place in places
    ]
    for kb in made:
        kb.add(documents())
        kb.hide("s3%")
    yield made
    for kb in made:
        kb.close()


@given(nodes)
@example(FieldTest("key", "==", ("2020",)))
@example(FieldTest("key", "==", (2020,)))
@example(FieldTest("metadata.k\0", "startswith", ("a\0",)))
@example(FieldTest("key", "<", ("a\0b",)))
@example(FieldTest("page", "in", (1, 2.5, "1")))
@example(Not(FieldTest("heading", "==", ("Kelp",))))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_chunks(both: list[KnowledgeBase], node: Node) -> None:
    where = Filter(node)
    local, remote = ([] if (found := kb.allowed(where)) is None else found.ids.tolist() for kb in both)
    assert remote == local
    assert both[0].document_ids(where) == both[1].document_ids(where)
    if local:
        query = both[0].embedder.embed_queries(["Otters sleep"])
        one, two = (kb.index("dense").search(query, 100, allow=kb.allowed(where)) for kb in both)
        assert sorted(two.row(0)[0].tolist()) == sorted(one.row(0)[0].tolist()) == local
        assert two.row(0)[1].tolist() == pytest.approx(one.row(0)[1].tolist(), abs=1e-6)
