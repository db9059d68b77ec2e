"""Memory of this process, as Linux counts it, and a limit on it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def resident() -> int:
    """Return the bytes in memory now, after giving back to the system what is free."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return _status("VmRSS")


def forget_peak() -> bool:
    """Let the peak start again from what is resident now; False where the system does not allow it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False


def peak() -> int:
    """Return the most bytes in memory since the process began, or since `forget_peak`."""
    return _status("VmHWM")


def limit(n_bytes: int) -> None:
    """Let this process take no more than ``n_bytes`` on top of what it has; asking for more fails."""
    allowed = _status("VmData") + n_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def available() -> int:
    """Return the bytes that the machine can still give away."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
