"""Isolation for every test: no network, no user caches; and the versions that a failure report needs."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside this file

from chat_server import ChatServer
from made_once import made_once, shared

os.environ["HF_HUB_OFFLINE"] = "1"  # before any library reads it
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that spin beside another worker cost a quarter of the time
os.environ["COLUMNS"] = "80"  # of tables, whatever the terminal that the tests are started from
for _name in ("FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE"):
    os.environ.pop(_name, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job, and its children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run and no limit on their time, so that a run fails for what was changed and for nothing
# else. To look for new examples: pytest --hypothesis-profile=search (repeat it; add --hypothesis-seed=N to come back).
_SLOW = [HealthCheck.too_slow]  # how fast examples come depends on the machine's other work
settings.register_profile("fixed", derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("search", max_examples=2000, database=None, deadline=None, suppress_health_check=_SLOW)
settings.load_profile("fixed")

_SHOWN = ("numpy", "faiss-cpu", "apsw", "tokenizers", "openvino")


def pytest_report_header() -> str:
    return ", ".join(f"{name} {version(name)}" for name in _SHOWN)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Import all tests without searching ever more objects for garbage, and never search those again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the notebooks: a test of minutes that came last would leave the other worker without work."""
    items.sort(key=lambda item: item.path.parent.name != "notebooks")


@pytest.fixture(autouse=True, scope="session")
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep exported models out of the user's cache; workers share them, since an export takes seconds."""
    os.environ["RAG_CACHE_DIR"] = str(shared(tmp_path_factory) / "rag-cache")


@pytest.fixture(scope="session")
def read_docs(_caches: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder, not to be changed, with ``docs`` and the knowledge base that README makes of it."""
    from pipelines.cli import run

    root = Path(__file__).parents[1]
    assert "rag ingest docs/ --into kb\n" in (root / "README.md").read_text(encoding="utf-8")

    def make(folder: Path) -> None:  # a minute of processor time
        (folder / "docs").symlink_to(root / "docs")
        with contextlib.chdir(folder):
            assert run(["ingest", "docs/", "--into", "kb"]) == 0

    return made_once(tmp_path_factory, "read-docs", make)


@pytest.fixture
def full_disk():
    """A disk on which no file grows beyond some bytes: writing more fails as on a full one, by the file size limit."""

    resource = pytest.importorskip("resource", reason="limits of POSIX")

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


@pytest.fixture
def shared_data() -> Path:
    """Real data for optional tests, from the folder that RAG_SHARED_DATA names."""
    folder = os.environ.get("RAG_SHARED_DATA")
    if not folder:
        pytest.skip("set RAG_SHARED_DATA to a folder of real data to run this")
    return Path(folder)


@pytest.fixture
def chat_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A chat server on loopback; no key, address or proxy of whoever runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with ChatServer() as server:
        yield server
