"""The writer's lock: held by the kernel, which frees it if the writer is killed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from indexes.file_handles import open_plain
from indexes.file_lock import lock

from ..errors import StoreLocked, StoreUnwritable
from .faults import damaged, unwritable

LOCK = "lock"
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The last commit that a writer acknowledged: change ``seq`` of the knowledge base ``store``."""

    store: str
    seq: int


class WriterLock:
    """An exclusive lock on the folder's lock file, whose text names the holder and its last commit.

    From the text others read the holder's name, and the next opening detects that commits acknowledged before a crash
    are missing (a damaged or deleted write-ahead log).
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: int | None = None

    def acquire(self, wait: float = 0.0) -> None:
        """Take the lock, waiting up to ``wait`` seconds.

        Raises
        ------
        StoreLocked
            Another writer holds it; names its process and host.
        StoreUnwritable
            The lock file cannot be opened or the file system has no locks.
        """
        file = self._open()
        until = time.monotonic() + wait
        while True:
            try:
                lock(file)
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(_POLL_S)
                    continue
                os.close(file)
                raise StoreLocked(
                    f"{self.path.parent} is being written by {self._holder()}; wait for it to finish (`--wait SECONDS`)"
                ) from None
            except OSError as error:
                os.close(file)
                raise unwritable(self.path, error) from error
            self._file = file
            self._check_exclusive()
            return

    def write(self, acknowledged: Acknowledged | None) -> None:
        """Note the holder and, if given, its last commit."""
        if self._file is None:
            return
        facts: dict[str, object] = {"pid": os.getpid(), "host": socket.gethostname()}
        if acknowledged is not None:
            facts |= {"store": acknowledged.store, "seq": acknowledged.seq}
        line = json.dumps(facts).ljust(200) + "\n"  # one length, so that it is overwritten in place
        with contextlib.suppress(OSError):  # a full disk must not undo a commit that has been made
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, line.encode())

    def release(self, *, clean: bool = True) -> None:
        """Free the lock; ``clean`` says that the database file itself holds all commits."""
        if self._file is None:
            return
        if clean:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
        os.close(self._file)
        self._file = None

    def _open(self) -> int:
        try:
            file = open_plain(self.path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if self.path.is_symlink() or self.path.is_dir():
                raise damaged(LOCK, "it is not a plain file", fix="delete it") from error
            raise unwritable(self.path, error) from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise damaged(LOCK, "it is not a plain file", fix="delete it")
        return file

    def _check_exclusive(self) -> None:
        """Refuse file systems that accept locks and ignore them."""
        second = self._open()
        try:
            lock(second)
        except BlockingIOError:
            return
        finally:
            os.close(second)
        self.release(clean=False)
        raise StoreUnwritable(
            f"{self.path}: this file system does not keep locks; put the knowledge base on a local disk"
        )

    def _holder(self) -> str:
        facts = _read(self.path)
        return f"process {facts['pid']} on {facts['host']}" if "pid" in facts and "host" in facts else "another process"


def acknowledged(folder: Path) -> Acknowledged | None:
    """Return the last commit acknowledged; None if the last writer closed cleanly."""
    facts = _read(folder / LOCK)
    store, seq = facts.get("store"), facts.get("seq")
    return Acknowledged(store, seq) if isinstance(store, str) and isinstance(seq, int) else None


def _read(path: Path) -> dict[str, object]:
    with contextlib.suppress(OSError, ValueError):
        if stat.S_ISREG(path.lstat().st_mode):
            facts = json.loads(path.read_bytes()[:4096])
            return facts if isinstance(facts, dict) else {}
    return {}
