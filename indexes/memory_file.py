"""An anonymous file in memory, for libraries that only read and write files."""

from __future__ import annotations

import os


class MemoryFile:
    """An anonymous file, which no other process can truncate while a library has it mapped."""

    def __init__(self, content: bytes = b"") -> None:
        self._file = os.fdopen(os.memfd_create("index", os.MFD_CLOEXEC), "r+b")
        self._file.write(content)
        self._file.flush()

    @property
    def path(self) -> str:
        """The path for a library in this process."""
        return f"/proc/self/fd/{self._file.fileno()}"

    def size(self) -> int:
        """Return the size in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def read(self) -> bytes:
        """Return the whole content."""
        return os.pread(self._file.fileno(), self.size(), 0)

    def __del__(self) -> None:
        self._file.close()
