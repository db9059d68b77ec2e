"""Write files atomically: whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: str | os.PathLike[str], *, errors: str = "strict") -> Iterator[TextIO]:
    """Open a text file in UTF-8 that takes its place when all of it is written; an older file stays until then.

    A device, a pipe or a link (``/dev/stdout``) is written to directly: a file in its place would destroy it.

    Raises
    ------
    OSError
        It cannot be written.
    """
    target = Path(path)
    if target.is_symlink() or (target.exists() and not target.is_file()):
        with target.open("w", encoding="utf-8", errors=errors) as out:
            yield out
        return
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(target.parent))
    aside = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")  # threads write at once too
    try:
        with aside.open("w", encoding="utf-8", errors=errors) as out:
            yield out
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
