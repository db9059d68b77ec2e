"""Make slow things once for all workers of a test run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from indexes.file_lock import lock


def shared(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the workers of this run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder ``name``, which ``make`` fills for the first worker that asks; others wait meanwhile.

    Copy what may change: another worker may be copying it.
    """
    folder = shared(factory) / name
    made = folder.with_name(f"{name}.made")
    with folder.with_name(f"{name}.lock").open("w") as file:
        lock(file.fileno(), wait=True)
        if not made.exists():
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
