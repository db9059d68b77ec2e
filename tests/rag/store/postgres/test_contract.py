"""PostgreSQL keeps the contract of stores."""

from __future__ import annotations

import pytest

from rag.testing.store_contract import StoreContract
from tests.postgres_server import needs_postgres


@needs_postgres
class TestPostgres(StoreContract):
    """The fixture ``place`` is in conftest.py."""

    place = None
    test_finds_what_a_folder_finds = pytest.mark.slow(StoreContract.test_finds_what_a_folder_finds)
