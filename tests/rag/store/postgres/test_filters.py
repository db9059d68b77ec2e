"""A filter allows the same chunks in PostgreSQL as in SQLite, whatever values and fields it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from rag.filters import FieldTest, Filter, Node, Not
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from tests.filters_of_every_kind import documents, nodes
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = [needs_postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KnowledgeBase]]:
    places: list[str | Path] = [tmp_path_factory.mktemp("kb") / "kb", server.url(server.database(), "filters")]
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
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_chunks(both: list[KnowledgeBase], node: Node) -> None:
    where = Filter(node)
    local, remote = ([] if (found := kb.allowed(where)) is None else found.ids.tolist() for kb in both)
    assert remote == local
    assert both[0].document_ids(where) == both[1].document_ids(where)
