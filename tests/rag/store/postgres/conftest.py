"""One PostgreSQL server for the tests of a process, with a database a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres_server import PostgresServer, serving


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with serving() as started:
        yield started


@pytest.fixture
def place(server: PostgresServer) -> str:
    return server.url(server.database(), "team")
