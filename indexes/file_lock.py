"""Locks on files: held by one opening at a time, by the kernel, which frees them when their process ends, also killed.

``flock`` on POSIX; on Windows a locked byte far behind the content, so that others still read the file. filelock and
portalocker were read of, not run: the first opens and empties the file itself, the second locks the content on Windows.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from .file_handles import CLOSED_IN_CHILDREN

_BYTE = 1 << 30
_POLL_S = 0.05


def lock(file: int, *, wait: bool = False) -> None:
    """Lock an open file for this opening alone; closing it frees the lock.

    Raises
    ------
    BlockingIOError
        Another opening holds it, and ``wait`` is false.
    OSError
        The file system has no locks.
    """
    if sys.platform == "win32":
        _lock_byte(file, wait=wait)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def hold_folder(folder: Path) -> int:
    """Lock a folder; return what `os.close` frees it by. Windows, which locks files alone, gets one in the folder.

    Raises
    ------
    BlockingIOError
        Another opening holds it.
    OSError
        It cannot be opened, or the file system has no locks.
    """
    if sys.platform == "win32":
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | CLOSED_IN_CHILDREN, 0o600)
    else:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | CLOSED_IN_CHILDREN)
    try:
        lock(file)
    except BaseException:
        os.close(file)
        raise
    return file


def _lock_byte(file: int, *, wait: bool) -> None:
    """Lock the byte by Windows' C library, which tells a lock that is held by the error of a missing right."""
    import msvcrt

    before = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, _BYTE, os.SEEK_SET)
    try:
        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # on Windows only
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                if not wait:
                    raise BlockingIOError(error.errno, "another process holds the lock") from error
                time.sleep(_POLL_S)
            else:
                return
    finally:
        os.lseek(file, before, os.SEEK_SET)
