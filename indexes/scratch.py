"""Folders to work in, which do not outlive the process by more than the next one: also after kill -9."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .file_lock import hold_folder


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
    held: int | None = None
    try:
        with contextlib.suppress(OSError):  # a file system without locks: nothing is swept there
            held = hold_folder(folder)
        yield folder
    finally:
        _delete(folder, held)


def _sweep(place: Path, prefix: str) -> None:
    """Delete folders whose makers are gone. One that was made this moment and is not locked yet is empty: it stays."""
    for entry in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if not entry.is_symlink() and any(entry.iterdir()) and _mine(entry):
                _delete(entry, hold_folder(entry))


def _mine(entry: Path) -> bool:
    return not hasattr(os, "getuid") or entry.stat().st_uid == os.getuid()


def _delete(folder: Path, held: int | None) -> None:
    """Delete a folder, then free it; Windows deletes no file that is open."""
    if held is not None and sys.platform == "win32":
        os.close(held)
        held = None
    shutil.rmtree(folder, ignore_errors=True)
    if held is not None:
        os.close(held)
