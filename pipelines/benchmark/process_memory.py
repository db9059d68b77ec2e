"""Memory of this process as Linux counts it, and a limit on it; elsewhere psutil counts it, and nothing is limited."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.errors import ExtraMissing

_LOOK_SECONDS = 0.05


def _in_proc(name: str, file: str = "self/status") -> int:
    """Read a size in kilobytes from a file in /proc and return it in bytes; 0 if its line is missing."""
    text = Path("/proc", file).read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def resident() -> int:
    """Return the resident bytes, after returning free memory to the system."""
    gc.collect()
    if sys.platform != "linux":
        return int(_psutil().Process().memory_info().rss)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return _in_proc("VmRSS")


def forget_peak() -> bool:
    """Reset the peak to the resident bytes; return False if the system does not allow it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return True
    return False


def peak() -> int:
    """Return the peak of resident bytes since the process started, or since `forget_peak`."""
    return _in_proc("VmHWM")


@contextlib.contextmanager
def peak_of_children() -> Iterator[list[int]]:
    """Watch the child processes started inside, such as an engine's build; the list holds their peak in bytes.

    They are sampled twenty times a second, so a shorter one may be missed.
    """
    most, done, others = [0], threading.Event(), _children()

    def look() -> None:
        while not done.wait(_LOOK_SECONDS):
            most[0] = max(most[0], sum(_peak_of(child) for child in _children() - others))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def _children() -> set[str]:
    found: set[str] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= set(file.read_text(encoding="ascii").split())
    return found


def _peak_of(process: str) -> int:
    with contextlib.suppress(OSError):
        return _in_proc("VmHWM", f"{process}/status")
    return 0


def limit(n_bytes: int) -> None:
    """Limit this process to ``n_bytes`` on top of its present memory; further allocations fail."""
    if sys.platform != "linux":
        return
    import resource

    allowed = _in_proc("VmData") + n_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def available() -> int:
    """Return the available bytes of the machine."""
    if sys.platform != "linux":
        return int(_psutil().virtual_memory().available)
    return _in_proc("MemAvailable", "meminfo")


def total() -> int:
    """Return all bytes of the machine."""
    if sys.platform != "linux":
        return int(_psutil().virtual_memory().total)
    return _in_proc("MemTotal", "meminfo")


def _psutil() -> Any:  # noqa: ANN401 - a module without types
    try:
        import psutil
    except ImportError as error:
        raise ExtraMissing("memory is measured by psutil here: pip install 'rag-workbench[benchmark]'") from error
    return psutil
