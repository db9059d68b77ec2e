"""Facts about the machine and the installed versions, for results."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import process_memory

_PACKAGES = ("rag-workbench", "numpy", "faiss-cpu", "annoy", "usearch", "opencv-python-headless")


def machine() -> dict[str, Any]:
    """Return processor, usable cores, memory in bytes, system and current load."""
    return {
        "cpu": _model() or platform.processor() or platform.machine(),
        "cores": cores(),
        "memory_bytes": process_memory.total(),
        "system": f"{platform.system()} {platform.release()}",
        "load": load(),
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float | None:
    """Return how many processes wanted to run in the last minute; None on Windows, which does not count them."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _model() -> str:
    """Return the processor's name, where Linux tells it."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries of engines."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
