"""A filter allows the same chunks in PostgreSQL as in SQLite, whatever values and fields it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.filters import Filter, Node
from rag.knowledge_base import KnowledgeBase
from tests.filters_of_every_kind import check_the_same_chunks, for_each_filter, knowledge_bases
from tests.postgres_server import PostgresServer, needs_postgres

pytestmark = [needs_postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def both(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KnowledgeBase]]:
    remote = server.url(server.database(), "filters")
    with knowledge_bases(tmp_path_factory.mktemp("kb") / "kb", remote) as made:
        yield made


@for_each_filter(300)
def test_the_same_chunks(both: list[KnowledgeBase], node: Node) -> None:
    check_the_same_chunks(*both, Filter(node))
