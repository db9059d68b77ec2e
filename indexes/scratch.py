"""Folders to work in, which do not outlive the process by more than the next one: also after kill -9."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Lend a new folder, deleted at the end, under a lock that ends with this process.

    Folders of the same ``prefix`` that nobody holds are a killed process's, and are deleted first.

    Parameters
    ----------
    parent
        Where it is made; the system's folder for temporary files if None.

    Raises
    ------
    OSError
        It cannot be made.
    """
    place = Path(tempfile.gettempdir() if parent is None else parent)
    _sweep(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _sweep(place: Path, prefix: str) -> None:
    """Delete folders whose makers are gone. One that was made this moment and is not locked yet is empty: it stays."""
    for entry in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if entry.is_symlink() or not any(entry.iterdir()) or entry.stat().st_uid != os.getuid():
                continue
            held = os.open(entry, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry, ignore_errors=True)
            finally:
                os.close(held)
