"""A server, which is Milvus Lite's own: the way of a cluster, though no cluster was run."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import InvalidInput, StoreMismatch, StoreMissing, StoreUnavailable, StoreUnwritable
from rag.knowledge_base import KnowledgeBase
from rag.store.address import address, said
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, answers, document
from tests.milvus_needed import needs_milvus

E = HashingEmbedder(DIM)
_OPEN = """
import sys
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
with KnowledgeBase.open(sys.argv[1], mode=sys.argv[2], embedder=HashingEmbedder(64)) as kb:
    print(*kb.document_ids())
"""


def _elsewhere(place: str, mode: str) -> subprocess.CompletedProcess[str]:
    """Open it in another process."""
    call = [sys.executable, "-c", _OPEN, place, mode]
    return subprocess.run(call, capture_output=True, text=True, check=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = [sys.executable, "-c", "from milvus_lite.cmdline import main; main()", "server"]
    process = subprocess.Popen([*call, "--data-dir", str(tmp_path / "data"), "--port", str(port)])
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.1)
        yield f"milvus://127.0.0.1:{port}#team"
    finally:
        process.kill()
        process.wait()


@needs_milvus
@pytest.mark.slow
def test_processes_share_a_server(server: str) -> None:
    """Readers see the newest commit; writers take turns by the lock."""
    with KnowledgeBase.create(server, embedder=E, granularity="chunk") as kb:
        kb.add([document(1), document(2)])
        assert _elsewhere(server, "r").stdout.split() == ["d1", "d2"]
        refused = _elsewhere(server, "w")
        assert "StoreLocked" in refused.stderr
        assert "rag_team_writer" in refused.stderr
        before = answers(kb)
    assert _elsewhere(server, "w").stdout.split() == ["d1", "d2"]
    with KnowledgeBase.open(server, embedder=E) as reader:
        assert answers(reader) == before
        assert reader.status().disk_bytes == 0  # a server does not say


@needs_milvus
@pytest.mark.slow
def test_a_file_serves_one_process(place: str) -> None:
    with KnowledgeBase.create(place, embedder=E, granularity="chunk") as kb:
        kb.add([document(1)])
        assert "one at a time" in _elsewhere(place, "r").stderr
    assert _elsewhere(place, "r").stdout.split() == ["d1"]


@needs_milvus
def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"milvus://me:secret@127.0.0.1:{free.getsockname()[1]}#team"
        with pytest.raises(StoreUnavailable, match=r"me@127\.0\.0\.1") as found:
            KnowledgeBase.open(place)
    assert "secret" not in str(found.value)
    with pytest.raises(StoreMissing, match="rag copy"):
        KnowledgeBase.open(f"milvus://{tmp_path}/none.db#team")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(StoreUnwritable, match="not a folder"):
        KnowledgeBase.create(f"milvus://{tmp_path}/none/some.db#team", embedder=E)
    (tmp_path / "old.db").write_bytes(b"SQLite format 3\0")
    with pytest.raises(StoreMismatch, match="is a file"):
        KnowledgeBase.open(f"milvus://{tmp_path}/old.db#team")
    for spec in ("hnsw", "hnsw:storage=bit", "ivf"):
        with pytest.raises(InvalidInput, match="flat"):
            KnowledgeBase.create(f"milvus://{tmp_path}/some.db#team", indexes=[spec, "bm25"], embedder=E)


@pytest.mark.parametrize(
    ("place", "server"),
    [
        ("milvus:///data/team.db#team", "/data/team.db"),
        ("milvus:///data/a%20b.db#team", "/data/a b.db"),
        ("milvus://host#team", "http://host:19530"),
        ("milvus://me:secret@host:1234?tls=true#team", "https://host:1234"),
        ("milvus://[::1]:1234#team", "http://[::1]:1234"),
    ],
)
def test_addresses(place: str, server: str) -> None:
    found = address(place)
    assert (found.server, found.name, found.engine) == (server, "team", "milvus")
    assert found.is_file is server.startswith("/")
    assert address(found.shown).server == server
    assert "secret" not in repr(found) + said(place)


@pytest.mark.parametrize(
    "place", ["milvus:///data/team#team", "milvus:///data/team.db", "milvus://host/db#team", "milvus:///a.db#a-b"]
)
def test_addresses_that_name_nothing(place: str) -> None:
    with pytest.raises(InvalidInput):
        address(place)
