"""Fixtures that the shipped contract classes ask for, beside the engine's own ``factory``."""

from __future__ import annotations

import contextlib
import resource
import signal

import pytest


@pytest.fixture
def full_disk():
    """A disk on which no file grows beyond some bytes: writing more fails as on a full one, by the file size limit."""

    @contextlib.contextmanager
    def limited(n_bytes):
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)

    return limited


@pytest.fixture(autouse=True, scope="session")
def few_threads():
    """Small searches on two threads mostly wait for each other, more so on a busy machine."""
    faiss = pytest.importorskip("faiss")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
