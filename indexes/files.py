"""Saved folders: written whole or not at all, and never read if damaged.

A saved index is a folder with a ``manifest.json`` that names every other file with its size and SHA-256, and carries a
digest of itself. It is written aside, synced to the disk, then put in place by one rename. Opening checks everything
before a native loader sees a byte: a flipped bit makes such loaders crash or return wrong results.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import IndexDamaged, IndexMissing
from .file_handles import open_plain, sync

MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_BLOCK = 1 << 20


class Folder(Protocol):
    """What gives the paths of an engine's files by their names: a folder, or a prefix in one."""

    def __truediv__(self, name: str, /) -> Path: ...


class Prefixed:
    """Files of one folder whose names begin alike."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder, self._prefix = folder, prefix

    def __truediv__(self, name: str, /) -> Path:
        """Return the path of a file."""
        return self._folder / f"{self._prefix}{name}"

    def __str__(self) -> str:
        return str(self._folder)


def write(path: str | os.PathLike[str], facts: Mapping[str, Any], fill: Callable[[Path], None]) -> None:
    """Write or replace a folder; ``path`` is always the whole old folder or the whole new one.

    Parameters
    ----------
    path
        The folder; its parent must exist.
    facts
        Contents of the manifest besides the files; JSON values only.
    fill
        Function that writes the files, flat, into the given folder.

    Raises
    ------
    OSError
        The disk is full, or permission is denied; ``path`` is unchanged.
    """
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.new")
    aside.mkdir()
    try:
        fill(aside)
        files = {p.name: _digest(p) for p in sorted(aside.iterdir())}
        body: dict[str, Any] = {**facts, "files": files}
        body["digest"] = _own_digest(body)
        (aside / MANIFEST).write_text(json.dumps(body, indent=1, ensure_ascii=True) + "\n", encoding="ascii")
        for name in [*files, MANIFEST]:
            sync(aside / name)
        sync(aside)
        _put(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Check every byte of a folder and return its manifest.

    Raises
    ------
    IndexDamaged
        Names the file that is missing, unexpected, truncated or altered.
    IndexMissing
        The folder does not exist.
    """
    folder = Path(path)
    _recover(folder)
    if not folder.exists():
        raise IndexMissing(f"the folder {folder} does not exist: give one that `save` wrote")
    manifest = _read_manifest(folder)
    files = manifest["files"]
    try:
        present = {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise IndexDamaged(f"cannot list {folder}: {error.strerror}") from error
    for name in sorted(set(files) - present):
        raise IndexDamaged(f"{name} is missing from the index in {folder}: rebuild the index or restore the file")
    for name in sorted(present - set(files) - {MANIFEST}):
        raise IndexDamaged(f"{name} is in {folder}, but not part of the index: remove it")
    for name, expected in files.items():
        found = _digest(folder / name, damaged=True)
        if found != expected:
            how = "truncated or grown" if found["bytes"] != expected["bytes"] else "altered"
            raise IndexDamaged(f"{name} of the index in {folder} is {how}: rebuild the index or restore the file")
    return manifest


def write_array(path: Path, array: np.ndarray[Any, Any]) -> None:
    """Write an array as a ``.npy`` file."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data.cast("B") if array.size else b"")  # not tofile, which hides errors of the disk


def read_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int | None, ...]) -> np.ndarray[Any, Any]:
    """Read a ``.npy`` file of the verified folder; None in ``shape`` takes any length.

    Raises
    ------
    IndexDamaged
        The file has another dtype or shape, or is not an array.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise IndexDamaged(f"{path.name} cannot be read: {error}") from error
    fits = array.ndim == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != np.dtype(dtype) or not fits:
        raise IndexDamaged(f"{path.name} holds {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")
    return array


def read_bytes(path: Path) -> bytes:
    """Read a file of the verified folder.

    Raises
    ------
    IndexDamaged
        It does not exist: the manifest lists other files than the index needs.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{path.name} cannot be read: {error.strerror}") from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    raw = _read_small(folder / MANIFEST)
    try:
        manifest = json.loads(raw.decode("ascii"), object_pairs_hook=_no_repeats, parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        raise IndexDamaged(f"{MANIFEST} in {folder} is not a manifest: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("digest") != _own_digest(manifest):
        raise IndexDamaged(f"{MANIFEST} in {folder} is altered: rebuild the index or restore the file")
    if raw != (json.dumps(manifest, indent=1, ensure_ascii=True) + "\n").encode("ascii"):
        raise IndexDamaged(f"{MANIFEST} in {folder} is altered: rebuild the index or restore the file")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(_is_entry(name, entry) for name, entry in files.items()):
        raise IndexDamaged(f"{MANIFEST} in {folder} has an unreadable list of files: rebuild the index")
    return manifest


def _is_entry(name: str, entry: object) -> bool:
    plain = name not in ("", ".", "..", MANIFEST) and "/" not in name and "\0" not in name
    return plain and isinstance(entry, dict) and set(entry) == {"bytes", "sha256"}


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _no_constants(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _own_digest(manifest: Mapping[str, Any]) -> str:
    rest = {k: v for k, v in manifest.items() if k != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode("ascii")).hexdigest()


def _open(path: Path) -> int:
    """Open a plain file for reading, without following links or waiting for pipes."""
    try:
        handle = open_plain(path)
    except FileNotFoundError as error:
        raise IndexDamaged(f"{path.name} is missing: the index in {path.parent} is not whole") from error
    except OSError as error:
        what = "a symbolic link" if error.errno == errno.ELOOP else f"unreadable ({error.strerror})"
        raise IndexDamaged(f"{path.name} in {path.parent} is {what}, not a plain file") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise IndexDamaged(f"{path.name} in {path.parent} is not a plain file")
    return handle


def _read_small(path: Path) -> bytes:
    with os.fdopen(_open(path), "rb") as file:
        raw = file.read(_MANIFEST_BYTES + 1)
    if len(raw) > _MANIFEST_BYTES:
        raise IndexDamaged(f"{path.name} in {path.parent} is too long for a manifest")
    return raw


def _digest(path: Path, *, damaged: bool = False) -> dict[str, Any]:
    """Return size and SHA-256; ``damaged``: a read error counts as damage and is not passed on."""
    with os.fdopen(_open(path), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return {"bytes": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        except OSError as error:
            if damaged:
                raise IndexDamaged(f"{path.name} in {path.parent} cannot be read: {error.strerror}") from error
            raise


def _put(aside: Path, target: Path) -> None:
    """Rename ``aside`` to ``target``; an older ``target`` is removed afterwards."""
    if not target.is_symlink() and not target.exists():
        aside.rename(target)
        sync(target.parent)
    elif _exchange(aside, target):
        sync(target.parent)
        shutil.rmtree(aside, ignore_errors=True)
    else:  # no atomic exchange here: a crash between the two renames leaves the old folder aside, and verify finds it
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        aside.rename(target)
        sync(target.parent)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names atomically by Linux's renameat2; return False if kernel or file system lack it."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    at_cwd, exchange = -100, 2
    return bool(renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0)


def _recover(folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    if not folder.exists() and old.is_dir():
        old.rename(folder)
