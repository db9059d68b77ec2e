"""Provenance of a stage's result: code, machine and time, kept with the result, also in the cache."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..benchmark.machine import load, machine, versions

_PACKAGES = ("indexes", "rag", "pipelines")

_LATER = ("answers", "bot", "context", "extractive", "generation", "grounding", "memory", "reranking", "retrieval",
          "rewriting", "telemetry", "testing")  # fmt: skip
_SCORING = ("evaluation", "feedback")


@cache
def code() -> str:
    """Return the version and a digest over the source of all three packages: two equal ones ran the same code."""
    seen = hashlib.sha256()
    for package in _PACKAGES:
        root = _root(package)
        for file in sorted(root.rglob("*.py")):
            seen.update(f"{package}/{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return f"{version('rag-workbench')} ({seen.hexdigest()[:12]})"


@cache
def code_of(stage: str) -> str:
    """Return a digest over the source that a stage runs: what changes it changes the stage's key.

    Reading, cutting, embedding and indexing (``store``, ``index``) run no room of `rag` above the knowledge base;
    asking (``run``) runs all but evaluation, but for the part that asks; judging (``scores``) runs evaluation.
    """
    seen = hashlib.sha256()
    rag, engines, own = (_root(package) for package in ("rag", "indexes", "pipelines"))
    stages, reading = own / "experiments" / "stages.py", own / "ingest.py"
    if stage == "scores":
        files = [*sorted((rag / "evaluation").rglob("*.py")), stages, stages.with_name("outputs.py")]
    else:
        left = (*_SCORING, *(_LATER if stage in {"store", "index"} else ()))
        files = [f for f in sorted(rag.rglob("*.py")) if f.relative_to(rag).parts[0].removesuffix(".py") not in left]
        files += [*sorted(engines.rglob("*.py")), reading, stages, stages.with_name("made_parts.py")]
        files += [rag / "evaluation" / "collecting.py"] if stage == "run" else []
    for file in files:
        seen.update(f"{file.parent.name}/{file.name}\n".encode() + file.read_bytes())
    seen.update(json.dumps(versions(), sort_keys=True).encode())
    return seen.hexdigest()


def _root(package: str) -> Path:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else Path()


def made(jobs: int) -> dict[str, Any]:
    """Return what to keep with a result that was just made: code, processor, load of a minute, jobs, time (UTC)."""
    return {
        "code": code(),
        "cpu": machine()["cpu"],
        "load": load(),
        "jobs": jobs,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
