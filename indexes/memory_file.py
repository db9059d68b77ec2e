"""A file without a name, in memory, for libraries that only read and write files."""

from __future__ import annotations

import os


class MemoryFile:
    """A file that no one else can find, so that no one can truncate it under a library that has it mapped."""

    def __init__(self, content: bytes = b"") -> None:
        self._file = os.fdopen(os.memfd_create("index", os.MFD_CLOEXEC), "r+b")
        self._file.write(content)
        self._file.flush()

    @property
    def path(self) -> str:
        """The path to give to a library of this process."""
        return f"/proc/self/fd/{self._file.fileno()}"

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._file.fileno()).st_size

    def read(self) -> bytes:
        """Return all that is in the file."""
        return os.pread(self._file.fileno(), self.size(), 0)

    def __del__(self) -> None:
        self._file.close()
