"""SHA-256 digests of large files, cached, and the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from ..whole_file import whole_file


def cache_dir() -> Path:
    """Return the cache folder: ``RAG_CACHE_DIR``, else ``rag-workbench`` in the XDG cache folder."""
    if own := os.environ.get("RAG_CACHE_DIR"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rag-workbench"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal, always computed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file, computed once for as long as the file is not touched.

    Hashing 90 MB costs a cold start 0.1 to 0.3 s. The verdict is therefore kept under the file's path, device, inode,
    size, modification time and *change* time. An edit, a replacement or a copy changes the last one, and no program
    can set it back as it can the modification time. What this misses is a disk that rots silently, and a writer with
    root's powers; neither is what the digest is for, which is to tell the expected weights from others of that name.
    """
    place = path.resolve()
    state = place.stat()
    key = [str(place), state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]
    note = cache_dir() / "digests" / f"{hashlib.sha256(str(place).encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["file"] == key and len(bytes.fromhex(kept["sha256"])) == 32:
            return str(kept["sha256"])
    digest = file_sha256(place)
    with contextlib.suppress(OSError):  # a read-only home costs the time again, not the answer
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(note) as out:
            json.dump({"file": key, "sha256": digest}, out)
    return digest
