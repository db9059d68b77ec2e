"""What a figure was made on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("numpy", "faiss-cpu", "torch", "sentence-transformers", "openvino", "tokenizers", "apsw", "bm25s")


def machine() -> dict[str, str]:
    """Return processor, cores, Python and library versions."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in cpu.splitlines() if line.startswith("model name")), "unknown")
    bf16 = " with bf16" if "avx512_bf16" in cpu or "amx_bf16" in cpu else ""
    packages = {name: version(name) for name in _PACKAGES}
    cores = len(os.sched_getaffinity(0))
    return {"cpu": f"{model}{bf16}", "cores": str(cores), "python": platform.python_version(), **packages}
