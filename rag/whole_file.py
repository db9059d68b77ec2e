"""Write files atomically: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from indexes.file_lock import lock

_ASIDE = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp", re.DOTALL)


@contextmanager
def whole_file(path: str | os.PathLike[str], *, errors: str = "strict") -> Iterator[TextIO]:
    """Open a text file in UTF-8 that takes its place when all of it is written; an older file stays until then.

    A device, a pipe or a link (``/dev/stdout``) is written to directly: a file in its place would destroy it. What a
    killed process left half written in the folder is deleted.

    Raises
    ------
    OSError
        It cannot be written.
    """
    target = Path(path)
    if target.is_symlink() or (target.exists() and not target.is_file()):
        with target.open("w", encoding="utf-8", errors=errors) as direct:
            yield direct
        return
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    _sweep(target.parent)
    out = _open_aside(target, errors)
    aside = Path(out.name)
    try:
        with out:
            yield out
            out.flush()
            if not _windows():
                aside.replace(target)  # while it is locked: nobody takes it for a killed process's
        if _windows():
            aside.replace(target)
    except OSError as error:
        if error.filename is None:  # a full disk: `write` does not say where
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


def is_aside(name: str) -> bool:
    """Say whether a file's name is that of a file half written."""
    return _ASIDE.fullmatch(name) is not None


def _windows() -> bool:
    """Say whether this is Windows, which renames and deletes no open file."""
    return sys.platform == "win32"


def _open_aside(target: Path, errors: str) -> TextIO:
    """Open a file beside the target under a lock, which is gone when its writer is."""
    while True:
        name = f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp"  # threads write at once too
        out = target.with_name(_short(name)).open("w", encoding="utf-8", errors=errors)
        with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there
            lock(out.fileno())
        if _windows() or os.fstat(out.fileno()).st_nlink:  # nobody swept it between these two lines
            return out
        out.close()


def _short(name: str) -> str:
    """Return a name that file systems take: at most 255 bytes, whatever its target is called."""
    raw = name.encode("utf-8", "surrogateescape")
    return name if len(raw) <= 255 else "." + raw[-200:].decode("utf-8", "ignore")


def _sweep(folder: Path) -> None:
    """Delete files half written whose writers are gone."""
    with contextlib.suppress(OSError):  # a folder that cannot be listed may still be written to
        for entry in os.scandir(folder):
            if is_aside(entry.name) and entry.is_file(follow_symlinks=False):
                _delete_unlocked(entry.path)


def _delete_unlocked(path: str) -> None:
    with contextlib.suppress(OSError), open(path, "r+b") as file:  # noqa: PTH123 - what scandir gives
        lock(file.fileno())
        if _windows():
            file.close()
        os.unlink(path)  # noqa: PTH108
