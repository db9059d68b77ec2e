"""Provenance of a stage's result: code, machine and time, kept with the result, also in the cache."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..benchmark.machine import machine

_PACKAGES = ("indexes", "rag", "pipelines")


@cache
def code() -> str:
    """Return the version and a digest over the source of all three packages: two equal ones ran the same code."""
    seen = hashlib.sha256()
    for package in _PACKAGES:
        spec = find_spec(package)
        root = Path(spec.origin).parent if spec and spec.origin else Path()
        for file in sorted(root.rglob("*.py")):
            seen.update(f"{package}/{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return f"{version('rag-workbench')} ({seen.hexdigest()[:12]})"


def made(jobs: int) -> dict[str, Any]:
    """Return what to keep with a result that was just made: code, processor, load of a minute, jobs, time (UTC)."""
    return {
        "code": code(),
        "cpu": machine()["cpu"],
        "load": round(os.getloadavg()[0], 2),
        "jobs": jobs,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
