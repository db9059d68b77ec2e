from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import windows

from indexes import file_lock
from indexes.file_handles import open_plain, sync
from indexes.memory_file import MemoryFile
from indexes.scratch import scratch_folder

SYSTEMS = ["linux", "win32"]


@pytest.fixture(params=SYSTEMS)
def system(request, monkeypatch):
    """This system, and Windows as Linux plays it."""
    if request.param == "win32":
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setitem(sys.modules, "msvcrt", type("msvcrt", (), {"locking": windows.locking, "LK_NBLCK": 2}))
    return request.param


def opened(path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT)


def test_one_opening_holds_it_until_it_is_closed(tmp_path, system):
    first, second = opened(tmp_path / "a"), opened(tmp_path / "a")
    os.write(first, b"text")
    file_lock.lock(first)
    with pytest.raises(BlockingIOError):
        file_lock.lock(second)
    assert (tmp_path / "a").read_bytes() == b"text"  # others read on
    os.write(first, b" goes on")
    os.close(first)
    file_lock.lock(second)
    os.close(second)
    assert (tmp_path / "a").read_bytes() == b"text goes on"


def test_waiting_ends_when_the_other_lets_go(tmp_path, system):
    first, second = opened(tmp_path / "a"), opened(tmp_path / "a")
    file_lock.lock(first)
    waiter = threading.Thread(target=file_lock.lock, args=(second,), kwargs={"wait": True}, daemon=True)
    waiter.start()
    time.sleep(0.1)
    assert waiter.is_alive()
    os.close(first)
    waiter.join(60)
    assert not waiter.is_alive()
    os.close(second)


def test_a_killed_process_frees_it(tmp_path, system):
    code = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(Path(windows.__file__).parent)!r}); import windows\n"
        f"if {system!r} == 'win32': windows.hide()\n"
        "from indexes import file_lock\n"
        f"file_lock.lock(os.open({str(tmp_path / 'a')!r}, os.O_RDWR | os.O_CREAT)); print('held', flush=True)\n"
        "time.sleep(600)"
    )
    mine = opened(tmp_path / "a")
    with subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(BlockingIOError):
                file_lock.lock(mine)
        finally:
            holder.kill()
    file_lock.lock(mine)
    os.close(mine)


def test_a_folder_is_held_and_links_are_not_followed(tmp_path, system):
    held = file_lock.hold_folder(tmp_path)
    with pytest.raises(BlockingIOError):
        file_lock.hold_folder(tmp_path)
    os.close(held)
    os.close(file_lock.hold_folder(tmp_path))


def test_a_scratch_folder_of_another_system_goes_too(tmp_path, system):
    with scratch_folder("work-", tmp_path) as first:
        (first / "file").touch()
        with scratch_folder("work-", tmp_path) as second:
            assert first.exists()
            assert second.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", [True, False])
def test_plain_files_only(tmp_path, monkeypatch, flag):
    if not flag:
        monkeypatch.setattr("indexes.file_handles._NO_FOLLOW", 0)
    (tmp_path / "file").write_bytes(b"a\r\n")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with os.fdopen(open_plain(tmp_path / "file"), "rb") as file:
        assert file.read() == b"a\r\n"
    with pytest.raises(OSError, match="symbolic links"):
        open_plain(tmp_path / "link")
    sync(tmp_path)
    sync(tmp_path / "file")


def test_a_memory_file_without_memory_is_a_temporary_one(tmp_path, system, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = MemoryFile(b"first")
    assert (file.size(), file.read()) == (5, b"first")
    if system == "win32":
        Path(file.path).unlink()  # as annoy does before it writes
    Path(file.path).write_bytes(b"by a library")
    assert (file.size(), file.read()) == (12, b"by a library")
    del file
    assert list(tmp_path.iterdir()) == []
