"""A folder keeps the contract of stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.testing.store_contract import StoreContract


class TestFolder(StoreContract):
    test_finds_what_a_folder_finds = pytest.mark.slow(StoreContract.test_finds_what_a_folder_finds)

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "kb"
