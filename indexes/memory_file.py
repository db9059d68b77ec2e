"""An anonymous file, in memory where the system has such, for libraries that only read and write files."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path


class MemoryFile:
    """A file that on Linux no other process finds; elsewhere a temporary one, deleted at the end.

    On Linux nobody can truncate it while a library has it mapped.

    Attributes
    ----------
    path
        The path for a library in this process.
    """

    def __init__(self, content: bytes = b"") -> None:
        self._descriptor: int | None = None
        if sys.platform == "linux":
            self._descriptor = os.memfd_create("index", os.MFD_CLOEXEC)
            self.path = f"/proc/self/fd/{self._descriptor}"
        else:
            file, self.path = tempfile.mkstemp(prefix="rag-index-")
            os.close(file)  # libraries replace the file, and Windows replaces no open one
        Path(self.path).write_bytes(content)

    def size(self) -> int:
        """Return the size in bytes."""
        return Path(self.path).stat().st_size

    def read(self) -> bytes:
        """Return the whole content."""
        return Path(self.path).read_bytes()

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        else:
            with contextlib.suppress(OSError, AttributeError):  # Windows keeps a file that is mapped still
                Path(self.path).unlink()
