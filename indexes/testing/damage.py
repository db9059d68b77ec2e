"""Ways to damage a saved index, for the contract of both families."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .. import load
from ..errors import IndexDamaged


def truncations(path: Path, n: int) -> Iterator[bytes]:
    """Give ``n`` truncated versions of a file, evenly spaced, from nothing to all but one byte."""
    raw = path.read_bytes()
    for length in np.unique(np.linspace(0, len(raw) - 1, n).astype(int)).tolist():
        yield raw[:length]


def flips(path: Path, n: int, seed: int = 0) -> Iterator[bytes]:
    """Give ``n`` versions of a file with one bit flipped, half of them in its first 200 bytes."""
    raw = path.read_bytes()
    rng = np.random.default_rng(seed)
    for i in range(n):
        bit = int(rng.integers(8 * (min(200, len(raw)) if i % 2 else len(raw))))
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << (bit % 8)
        yield bytes(damaged)


def refused(folder: Path, name: str) -> bool:
    """Return whether loading ``folder`` raises ``IndexDamaged`` with the file's name in its text."""
    try:
        load(folder)
    except IndexDamaged as error:
        return name in str(error)
    return False


def survivors(saved: Path, work: Path, *, cuts: int, bits: int) -> tuple[int, list[str]]:
    """Damage every file of a saved index in turn.

    Returns
    -------
    tried, accepted
        How many damaged folders were tried, and which of them were not refused by the file's name.
    """
    tried, accepted = 0, []
    folder = work / "damaged"
    shutil.copytree(saved, folder)
    for file in sorted(p.name for p in saved.iterdir()):
        versions = [*truncations(saved / file, cuts), *flips(saved / file, bits), (saved / file).read_bytes() + b"\0"]
        for i, version in enumerate(versions):
            (folder / file).write_bytes(version)
            tried += 1
            if not refused(folder, file):
                accepted.append(f"{file}, version {i}")
        shutil.copyfile(saved / file, folder / file)
    load(folder)  # unharmed again: so it was the damage that was refused
    return tried, accepted


def _delete(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    moved = path.parent.parent / f"{path.name}.moved"
    path.rename(moved)
    path.symlink_to(moved)


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "missing": _delete,
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to the very file": _link,
}
"""Replacements for a file, by name; each takes the path of the file to replace."""
