"""Open files by their number, on every platform, and make what was written to them durable."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

CLOSED_IN_CHILDREN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
"""Flags of every file that is opened by number; Windows would else change ends of lines."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
PLAIN = CLOSED_IN_CHILDREN | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
"""Flags that follow no link and wait for no pipe."""


def open_plain(path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a file without following a link or waiting for a pipe; the caller checks what it is.

    Raises
    ------
    OSError
        It cannot be opened; a link is ``ELOOP``.
    """
    if not _NO_FOLLOW and Path(path).is_symlink():  # Windows, where making a link takes rights that few have
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return os.open(path, flags | PLAIN, mode)


def sync(path: str | os.PathLike[str]) -> None:
    """Make a file's bytes, or the names in a folder, durable; Windows does the latter by itself."""
    windows = sys.platform == "win32"
    if windows and Path(path).is_dir():
        return
    handle = os.open(path, (os.O_RDWR if windows else os.O_RDONLY) | CLOSED_IN_CHILDREN)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
