"""Kill a process at the n-th step: a call of the operating system through Python, or a file operation of SQLite's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import apsw

from pipelines.selftest.forking import in_child
from rag.store import database

_CALLS = ("fsync", "rename", "mkdir", "unlink", "rmdir", "open", "replace", "link")


def steps_of(work: Callable[[], object]) -> int:
    """Return how many steps some work takes, after doing it in a child."""
    status, said = in_child(lambda: _counted(work, 0))
    assert status == 0, said
    return int(said)


def killed_at(work: Callable[[], object], step: int) -> bool:
    """Begin some work in a child, which kills itself at a step; False if it took fewer steps this time."""
    status, said = in_child(lambda: _counted(work, step))
    assert status in (0, signal.SIGKILL), said
    return status != 0


def spread(steps: int, n: int) -> list[int]:
    """Return up to ``n`` steps from the first to the last."""
    return sorted({1 + (steps - 1) * i // (n - 1) for i in range(n)})


def _counted(work: Callable[[], object], last: int) -> int:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(do: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            count()
            return do(*given, **named)

        return counted

    class File(apsw.VFSFile):
        def xWrite(self, data: bytes, offset: int) -> None:
            count()
            super().xWrite(data, offset)
            count()

        def xSync(self, flags: int) -> None:
            count()
            super().xSync(flags)

        def xLock(self, level: int) -> None:
            try:
                super().xLock(level)
            except apsw.IOError:  # a reader's attempt to tidy up, which SQLite itself passes over
                raise apsw.BusyError from None

        def xTruncate(self, size: int) -> None:
            count()
            super().xTruncate(size)

    class Vfs(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("counting", "cksmvfs")

        def xOpen(self, name: Any, flags: list[int]) -> File:
            count()
            return File("cksmvfs", name, flags)

        def xDelete(self, name: str, sync: bool) -> None:
            count()
            super().xDelete(name, sync)
            count()

    for name in _CALLS:
        setattr(os, name, counting(getattr(os, name)))
    database._register_checksums()
    vfs = Vfs()
    database._VFS = "counting"  # above the checksums
    work()
    del vfs
    return done
