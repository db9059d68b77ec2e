"""What tests of Milvus need: its client, and Milvus Lite."""

from __future__ import annotations

import importlib.util

import pytest

_HAS = all(importlib.util.find_spec(name) is not None for name in ("pymilvus", "milvus_lite"))
needs_milvus = pytest.mark.skipif(not _HAS, reason="pip install 'rag-workbench[milvus]'")
