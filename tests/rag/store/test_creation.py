"""A creation that was killed at any of its steps can be repeated."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rag
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase

# Every call of the operating system that the creation makes through Python, and every file operation of SQLite's,
# counts as a step; at the n-th the process kills itself.
DRIVER = """
import os, signal, sys
from pathlib import Path
import apsw
step, last = 0, int(sys.argv[2])
def count(*_):
    global step
    step += 1
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)
for name in ("fsync", "rename", "mkdir", "unlink", "open", "replace"):
    def counted(*given, _do=getattr(os, name), **named):
        count()
        return _do(*given, **named)
    setattr(os, name, counted)
from rag.store import database
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
class File(apsw.VFSFile):
    def __init__(self, base, name, flags):
        super().__init__(base, name, flags)
    def xWrite(self, data, offset):
        count()
        super().xWrite(data, offset)
        count()
    def xSync(self, flags):
        count()
        super().xSync(flags)
    def xTruncate(self, size):
        count()
        super().xTruncate(size)
class Vfs(apsw.VFS):
    def __init__(self):
        super().__init__("counting", "unix", makedefault=True)
    def xOpen(self, name, flags):
        count()
        return File("unix", name, flags)
    def xDelete(self, name, sync):
        count()
        super().xDelete(name, sync)
        count()
vfs = Vfs()
KnowledgeBase.create(sys.argv[1], embedder=HashingEmbedder(16)).close()
print(step)
"""


def _create(folder: Path, last: int) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(Path(rag.__path__[0]).parent), "PATH": os.defpath, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DRIVER, str(folder), str(last)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)


def _repeat(folder: Path) -> None:
    if not KnowledgeBase.exists(folder):
        KnowledgeBase.create(folder, embedder=HashingEmbedder(16)).close()
    assert KnowledgeBase.check(folder).ok


@pytest.mark.slow
def test_a_creation_killed_at_any_step_can_be_repeated(tmp_path: Path) -> None:
    whole = _create(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout)
    assert steps > 30
    seen = set()
    for last in range(1, steps + 1):
        folder = tmp_path / str(last)
        killed = _create(folder, last)
        assert killed.returncode == -signal.SIGKILL, (last, killed.stderr)
        seen |= {entry.name for entry in folder.iterdir()} if folder.exists() else set()
        _repeat(folder)
    assert "store.sqlite.new-journal" in seen  # the kills landed where it matters


def test_a_journal_of_a_killed_creation_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in ("store.sqlite.new", "store.sqlite.new-journal", "store.sqlite.new-wal"):
        (tmp_path / "kb").mkdir(exist_ok=True)
        (tmp_path / "kb" / name).write_bytes(b"half")
        _repeat(tmp_path / "kb")
        for entry in (tmp_path / "kb").iterdir():
            assert not entry.name.startswith("store.sqlite.new")
        shutil.rmtree(tmp_path / "kb")
