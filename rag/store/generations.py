"""Saved indexes: immutable folders, each named by a row of the database with the last change that it covers.

The row holds the digest of the folder's manifest, and the manifest those of its files: an index of another state or of
another knowledge base does not pass, however whole it is in itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import indexes
from indexes.errors import IndexDamaged, IndexOutdated
from indexes.file_handles import open_plain

from ..errors import StoreCorrupt, StoreMismatch
from .database import DATABASE, Connection
from .faults import file_faults
from .session import GENERATIONS, sync_folder

MANIFEST = "manifest.json"
AnyIndex = Any
"""An ``indexes.DenseIndex`` or ``indexes.TermIndex``."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which folder under ``generations/`` holds the index of a spec, and the last change it covers."""

    spec: str
    folder: str
    seq: int
    digest: str

    @property
    def name(self) -> str:
        """The folder, relative to the knowledge base."""
        return f"{GENERATIONS}/{self.folder}"


def pointers(db: Connection) -> dict[str, Pointer]:
    """Return the current generation of each spec that has one."""
    return {row[0]: Pointer(*row) for row in db.execute("select spec, folder, seq, digest from generations")}


def load(folder: Path, pointer: Pointer) -> AnyIndex:
    """Load a saved index after checking every byte of it.

    Raises
    ------
    StoreCorrupt
        A file is missing, altered, or of another generation; names it relative to the knowledge base.
    StoreMismatch
        Another version of this toolkit saved it.
    """
    place = folder / GENERATIONS / pointer.folder
    try:
        cause = _cause(place, pointer)
        if not cause:
            return indexes.load(place)
    except IndexOutdated as error:
        text = f"{pointer.name} was saved by another version of this toolkit: {error}"
        raise StoreMismatch(f"{text}; `rag repair` builds it anew from the store") from error
    except IndexDamaged as error:
        raise _damaged(pointer, str(error)) from error
    raise _damaged(pointer, cause)


def _cause(place: Path, pointer: Pointer) -> str:
    """Return the problem of the folder as a whole; empty if there is none."""
    if not os.path.lexists(place):
        return f"it is missing, or {DATABASE} is that of another knowledge base or an older copy"
    if place.is_symlink() or not place.is_dir():
        return "it is not a folder"
    return "" if manifest_digest(place) == pointer.digest else f"{MANIFEST} is altered, or that of another index"


def _damaged(pointer: Pointer, cause: str) -> StoreCorrupt:
    return StoreCorrupt(f"{pointer.name} is damaged: {cause}; `rag repair` rebuilds it from the store")


def manifest_digest(place: Path) -> str:
    """Return the SHA-256 of a saved index's manifest, opened without following links or waiting for pipes."""
    path = place / MANIFEST
    try:
        handle = open_plain(path)
    except OSError as error:
        raise IndexDamaged(f"{MANIFEST} cannot be opened ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IndexDamaged(f"{MANIFEST} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(folder: Path, spec: str, index: AnyIndex, seq: int) -> Pointer:
    """Save an index into a new folder, durably; it counts once the caller has committed its pointer."""
    parent = folder / GENERATIONS
    with file_faults(parent):
        parent.mkdir(exist_ok=True, mode=0o700)
        name = f"{_next_number(parent):06d}-{spec.partition(':')[0]}"
        index.save(parent / name)
        for entry in (parent / name).iterdir():
            entry.chmod(0o600)
        (parent / name).chmod(0o700)
        sync_folder(parent)
        return Pointer(spec, name, seq, manifest_digest(parent / name))


def point(db: Connection, pointer: Pointer) -> None:
    """Make a generation the current one of its spec, inside the caller's transaction."""
    values = (pointer.spec, pointer.folder, pointer.seq, pointer.digest)
    db.execute("insert or replace into generations (spec, folder, seq, digest) values (?, ?, ?, ?)", values)


def leftovers(folder: Path, current: dict[str, Pointer]) -> Iterator[Path]:
    """Yield entries of ``generations/`` that are not current: replaced ones, and remains of killed writers."""
    kept = {pointer.folder for pointer in current.values()}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in sorted((folder / GENERATIONS).iterdir()):
            if entry.name not in kept:
                yield entry


def size(folder: Path, pointer: Pointer) -> int:
    """Return the bytes of a generation's files; 0 if it is missing."""
    place = folder / GENERATIONS / pointer.folder
    with contextlib.suppress(OSError):
        return sum(entry.lstat().st_size for entry in place.iterdir())
    return 0


def _next_number(parent: Path) -> int:
    numbers = (entry.name.lstrip(".").partition("-")[0] for entry in parent.iterdir())
    return max((int(n) for n in numbers if n.isdigit()), default=0) + 1
