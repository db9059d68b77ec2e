from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rag.embedding import digests


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def counted(monkeypatch):
    """Counts how often a file is really hashed."""
    seen: list[Path] = []
    real = digests.file_sha256
    monkeypatch.setattr(digests, "file_sha256", lambda path: seen.append(path) or real(path))
    return seen


def test_a_file_is_hashed_once(tmp_path, counted):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert [digests.remembered_sha256(file) for _ in range(3)] == [expected] * 3
    assert len(counted) == 1


def test_a_change_of_same_size_and_same_mtime_is_seen(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    before = file.stat()
    digests.remembered_sha256(file)
    with file.open("r+b") as handle:  # the same inode
        handle.write(b"abd")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino
    assert digests.remembered_sha256(file) == hashlib.sha256(b"abd").hexdigest()


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"null", b'{"file": 1, "sha256": "zz"}', b"\xff\xfe"])
def test_a_damaged_note_is_not_believed(tmp_path, note):
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    digests.remembered_sha256(file)
    (kept,) = (tmp_path / "cache" / "digests").iterdir()
    kept.write_bytes(note)
    assert digests.remembered_sha256(file) == hashlib.sha256(b"abc").hexdigest()


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch, counted):
    blocked = tmp_path / "a file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("RAG_CACHE_DIR", str(blocked / "below"))
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert [digests.remembered_sha256(file) for _ in range(2)] == [expected] * 2
    assert len(counted) == 2


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    assert digests.cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("RAG_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert digests.cache_dir() == Path("/xdg/rag-workbench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert digests.cache_dir() == Path("/home/someone/.cache/rag-workbench")
