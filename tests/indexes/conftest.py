"""Fixtures that the shipped contract classes ask for, beside the engine's own ``factory``."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def few_threads():
    """Small searches on two threads mostly wait for each other, more so on a busy machine."""
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
