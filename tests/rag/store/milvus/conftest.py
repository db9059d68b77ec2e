"""A file of Milvus Lite for each test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"milvus://{tmp_path}/lite.db#team"
