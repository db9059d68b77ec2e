"""A cache of finished stages: folders named by the digest of everything that went into them.

A stage is made in a folder of its own name, under a lock that the kernel frees when its holder ends; it is published by
one rename, with a manifest of digests: it is there whole, or not at all. Nothing in it is trusted without its digest,
so a flipped bit costs the work again and never a figure. Two runs may share a cache: the second one waits for a stage
that the first one makes, or works on another.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexes import IndexDamaged
from indexes.file_handles import CLOSED_IN_CHILDREN
from indexes.file_lock import lock

FORMAT = 2
"""Raised when what a stage writes changes its meaning."""

KNOWLEDGE_BASES = frozenset({"store", "index"})
"""Stages whose folder is a knowledge base."""

MANIFEST = "stage.json"
_LOCKS = "locks"
_OF_READERS = ("lock", "-wal", "-shm")
"""Ends of the names of files that opening a knowledge base makes, whatever it holds."""


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
    _whole: dict[Path, str] = field(default_factory=dict, repr=False, compare=False)
    """Digest of each folder that this process has checked."""

    def place(self, stage: str, key: str) -> Path:
        """Return the path of a stage's result, there or not."""
        return self.folder / (f"{stage}-kb" if stage in KNOWLEDGE_BASES else stage) / key[:24]

    def has(self, stage: str, key: str) -> bool:
        """Say whether a result is there and every byte of it is as it was written."""
        place = self.place(stage, key)
        try:
            manifest = self._manifest(stage, key)
            if self._whole.get(place) != manifest["digest"]:
                if _contents(place) != manifest["files"]:
                    return False
                self._whole[place] = manifest["digest"]
        except (OSError, IndexDamaged):
            return False
        return True

    @contextmanager
    def making(self, stage: str, key: str, *, wait: bool) -> Iterator[bool]:
        """Hold the lock of a stage while it is made.

        Parameters
        ----------
        wait
            Wait for a run that holds it.

        Yields
        ------
        bool
            False: another run is making it, and ``wait`` is false.
        """
        locks = self.folder / _LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(locks / f"{stage}-{key[:24]}", os.O_RDWR | os.O_CREAT | CLOSED_IN_CHILDREN, 0o600)
        try:
            try:
                lock(handle, wait=wait)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)

    def write(self, stage: str, key: str, facts: Mapping[str, Any], fill: Callable[[Path], None]) -> Path:
        """Let ``fill`` write the files of a result into a folder that then appears whole; the lock must be held.

        ``facts`` is read after ``fill``, which may add to it.
        """
        place = self.place(stage, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in place.parent.glob(f".{place.name}.*"):  # of a run that was killed, as the lock is ours
            shutil.rmtree(left, ignore_errors=True)
        own = f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}"
        aside, old = place.with_name(f"{own}.new"), place.with_name(f"{own}.old")
        aside.mkdir()
        try:
            fill(aside)
            body: dict[str, Any] = {**facts, "key": key, "files": _contents(aside)}
            body["digest"] = _own_digest(body)
            (aside / MANIFEST).write_text(json.dumps(body, indent=1) + "\n", encoding="ascii")
            self._whole.pop(place, None)
            if place.exists():
                place.rename(old)
            aside.rename(place)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
        return place

    def facts(self, stage: str, key: str) -> dict[str, Any]:
        """Return the facts that were written with a result, with ``digest``, that of all its files.

        Raises
        ------
        IndexDamaged
            A file of it is missing or altered.
        """
        if not self.has(stage, key):
            raise IndexDamaged(f"the {stage} in {self.place(stage, key)} is missing or altered")
        return self._manifest(stage, key)

    def _manifest(self, stage: str, key: str) -> dict[str, Any]:
        path = self.place(stage, key) / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="ascii"))
            if isinstance(found, dict) and found["key"] == key and found["digest"] == _own_digest(found):
                return found
        except (ValueError, KeyError, RecursionError):
            pass
        raise IndexDamaged(f"{path} is altered")


def _contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if name != MANIFEST and not name.endswith(_OF_READERS):
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _own_digest(manifest: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii")).hexdigest()
