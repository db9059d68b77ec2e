"""``rag --version``: the versions and paths that a report of an error needs."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from .output import print_json

_PACKAGES = (
    "numpy", "faiss-cpu", "openvino", "tokenizers", "apsw", "sentence-transformers", "torch", "onnxruntime", "annoy",
    "usearch", "openai", "xllamacpp",
)  # fmt: skip


def show(*, json: bool) -> None:
    """Print them: lines for a person, or one JSON document."""
    facts = _facts()
    if json:
        print_json(facts)
        return
    typer.echo(f"rag-workbench {facts.pop('rag-workbench')}")
    for name, value in facts.items():
        typer.echo(f"{name}: {_said(value)}")


def _said(value: Any) -> str:  # noqa: ANN401 - of JSON
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return " ".join(value) if isinstance(value, list) else str(value)


def _facts() -> dict[str, Any]:
    import apsw

    import rag
    from rag.embedding.digests import cache_dir
    from rag.embedding.models import hub_caches

    return {
        "rag-workbench": version("rag-workbench"),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "sqlite": apsw.sqlite_lib_version(),
        "executable": sys.executable,
        "package": str(Path(rag.__file__).parent),
        "cache": str(cache_dir()),
        "hub cache": str(hub_caches()[-1]),
        "default model": _default_model(),
        "cores": os.cpu_count(),
        "processor": _processor(),
    }


def _version(package: str) -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version(package)
    return ""


def _default_model() -> str:
    from rag.embedding.models import DEFAULT_MODEL, local_model
    from rag.errors import ModelDamaged

    try:
        found = local_model(DEFAULT_MODEL)
    except ModelDamaged as error:
        return str(error)
    return str(found.folder) if found else "absent: rag models fetch"


def _processor() -> list[str]:
    """Return what the processor can do, as numpy finds it on every platform."""
    import numpy as np

    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    return [platform.machine(), *extensions.get("baseline", []), *extensions.get("found", [])]
