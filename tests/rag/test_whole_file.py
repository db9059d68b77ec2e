from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import windows

from rag.whole_file import is_aside, whole_file


@pytest.fixture(autouse=True, params=["linux", "win32"])
def system(request, monkeypatch):
    """This system, and Windows as Linux plays it."""
    if request.param == "win32":
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setitem(sys.modules, "msvcrt", type("msvcrt", (), {"locking": windows.locking, "LK_NBLCK": 2}))


def _write_half(path: Path) -> None:
    with whole_file(path) as out:
        out.write("half")
        raise KeyboardInterrupt


def test_what_was_there_stays_until_all_is_written(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert path.read_text() == "old"
    with whole_file(path) as out:
        out.write("new \u00e9")
        assert path.read_text() == "old"
    assert path.read_bytes() == b"new \xc3\xa9"
    assert list(tmp_path.iterdir()) == [path]


def test_pipes_and_links_are_written_to_and_stay_what_they_are(tmp_path: Path):
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    link.symlink_to(target)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with whole_file(pipe) as out:
        out.write("through")
    reader.join(10)
    with whole_file(link) as out:
        out.write("kept")
    assert (read, pipe.is_fifo(), link.is_symlink(), target.read_text()) == (["through"], True, True, "kept")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no such folder: '.*nowhere'"), whole_file(tmp_path / "nowhere" / "a"):
        pass


def test_two_writers_of_one_process_do_not_share_a_file_aside(tmp_path: Path):
    path = tmp_path / "a.txt"
    with whole_file(path) as one:
        one.write("one")
        with whole_file(path) as other:
            other.write("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_half_written_goes_with_the_next_file(tmp_path: Path):
    pid = os.fork()
    if pid == 0:
        with whole_file(tmp_path / "a.txt") as out:
            out.write("secret")
            out.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    left = [entry.name for entry in tmp_path.iterdir()]
    assert len(left) == 1
    assert is_aside(left[0])
    (tmp_path / ".mine.tmp").touch()
    with whole_file(tmp_path / "b.txt") as half:  # a file that is being written is nobody's leftover
        with whole_file(tmp_path / "c.txt") as out:
            out.write("c")
        half.write("b")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".mine.tmp", "b.txt", "c.txt"]


def test_a_name_as_long_as_file_systems_take(tmp_path: Path):
    path = tmp_path / ("\u00e9" * 127)
    with whole_file(path) as out:
        out.write("long")
        assert [is_aside(entry.name) for entry in tmp_path.iterdir()] == [True]
    assert path.read_text() == "long"
