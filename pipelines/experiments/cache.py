"""A cache of finished stages: folders named by the digest of everything that went into them.

A folder is written aside, with a manifest of digests, and renamed: it is there whole, or not at all. Nothing in it is
trusted without its digest, so a flipped bit costs the work again and never a figure.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes import IndexDamaged, files

FORMAT = 1
"""Raised when what a stage writes changes its meaning."""


def digest(facts: Mapping[str, Any]) -> str:
    """Return the digest of what goes into a stage: JSON values only."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **facts}, sort_keys=True).encode()).hexdigest()


def mark(folder: Path) -> None:
    """Make a folder and tag it as a cache (bford.info/cachedir), so that it is neither ingested nor backed up."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="ascii")


@dataclass(frozen=True)
class Cache:
    """A folder of finished stages."""

    folder: Path

    def place(self, stage: str, key: str) -> Path:
        """Return the path of a stage's result, there or not."""
        return self.folder / stage / key[:24]

    def has(self, stage: str, key: str) -> bool:
        """Say whether a result is there and is whole."""
        place = self.place(stage, key)
        if not place.is_dir():
            return False
        try:
            return bool(files.verify(place)["key"] == key)
        except (IndexDamaged, KeyError):
            shutil.rmtree(place, ignore_errors=True)
            return False

    def write(self, stage: str, key: str, facts: Mapping[str, Any], fill: Callable[[Path], None]) -> Path:
        """Let ``fill`` write the files of a result into a folder that then appears whole."""
        place = self.place(stage, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write(place, {**facts, "key": key}, fill)
        return place

    def facts(self, stage: str, key: str) -> dict[str, Any]:
        """Return the facts that were written with a result, checked."""
        return files.verify(self.place(stage, key))
