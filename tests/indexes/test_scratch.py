"""Folders to work in go with the process, or with the next one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from indexes.scratch import scratch_folder


def _killed_inside(parent: Path) -> None:
    pid = os.fork()
    if pid == 0:
        with scratch_folder("work-", parent) as folder:
            (folder / "vectors").write_text("secret")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_folder_is_there_as_long_as_it_is_used(tmp_path: Path) -> None:
    def interrupted() -> None:
        with scratch_folder("work-", tmp_path) as folder:
            (folder / "a").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_and_nothing_else(tmp_path: Path) -> None:
    _killed_inside(tmp_path)
    assert [entry.name[:5] for entry in tmp_path.iterdir()] == ["work-"]
    (tmp_path / "working").mkdir()
    (tmp_path / "working" / "mine").touch()
    (tmp_path / "work-link").symlink_to(tmp_path / "working")
    with scratch_folder("work-", tmp_path) as first:
        (first / "in use").touch()
        with scratch_folder("work-", tmp_path) as second:
            assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(
                [first.name, second.name, "working", "work-link"]
            )
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["work-link", "working"]
