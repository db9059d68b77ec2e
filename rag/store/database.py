"""The SQLite file of a knowledge base, opened so that no damage goes unnoticed.

Every page carries a checksum (SQLite's `cksumvfs <https://sqlite.org/cksumvfs.html>`_), commits are durable
(write-ahead log, ``synchronous=FULL``) and deleted content is overwritten (``secure_delete``).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from ..errors import StoreCorrupt, StoreUnwritable
from .faults import damaged, sqlite_faults, unwritable

DATABASE = "store.sqlite"
PAGE_SIZE = 8192  # five 384-dimensional vectors a page; 4096 would waste a fifth of it
CHECKSUM_BYTES = 8
_VFS = "cksmvfs"
_RESERVE_BYTES = 38  # SQLITE_FCNTL_RESERVE_BYTES
# The first 24 bytes of every database made here: magic, page size, WAL versions, reserved bytes, fixed fractions.
HEADER = b"SQLite format 3\0" + struct.pack(">HBBBBBB", PAGE_SIZE, 2, 2, CHECKSUM_BYTES, 64, 32, 32)
_BUSY_MS = 2_000

Connection = Any
"""An ``apsw.Connection``."""


@functools.cache
def _register_checksums() -> None:
    import apsw.sqlite_extra

    connection = apsw.Connection(":memory:")
    apsw.sqlite_extra.load(connection, "cksumvfs")
    connection.close()


def create(path: Path) -> Connection:
    """Make an empty database with page checksums at ``path``, readable by its owner only."""
    _register_checksums()
    with sqlite_faults(path):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise unwritable(path, error) from error
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=_VFS)
        reserve = ctypes.c_int(CHECKSUM_BYTES)
        db.file_control("main", _RESERVE_BYTES, ctypes.addressof(reserve))
        db.pragma("page_size", PAGE_SIZE)
        db.pragma("journal_mode", "wal")
        _configure(db)
        return db


def open_writable(path: Path) -> Connection:
    """Open the database for the one writer."""
    _register_checksums()
    check_files(path)
    with sqlite_faults(path):
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=_VFS)
        try:
            _configure(db)
            _check_opened(db, path)
        except BaseException:
            db.close()
            raise
        return db


def open_readable(path: Path) -> Connection:
    """Open the database for reading, in a folder that may be read-only."""
    _register_checksums()
    check_files(path)
    with sqlite_faults(path):
        try:
            return _open_read_only(path, "ro")
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            # A folder that this user cannot write cannot hold the shared memory of the log, and that which the last
            # writer left cannot be used. Without a log none is needed.
            wal = path.with_name(path.name + "-wal")
            if wal.exists() and wal.stat().st_size:
                text = f"{wal} holds commits of a killed ingest, and {path.parent} cannot be written to take them in"
                raise StoreUnwritable(f"{text}; open it once with write permission") from None
            return _open_read_only(path, "ro&immutable=1")


def _open_read_only(path: Path, mode: str) -> Connection:
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(f"file:{quoted}?mode={mode}", flags=flags, vfs=_VFS)
    try:
        _configure(db)
        _check_opened(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _configure(db: Connection) -> None:
    db.set_busy_timeout(_BUSY_MS)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.pragma("synchronous", "full")
    db.pragma("foreign_keys", True)
    db.pragma("secure_delete", True)
    db.pragma("cell_size_check", True)
    db.pragma("cache_size", -16_384)  # KiB
    db.pragma("temp_store", "memory")  # no text of a document in a temporary file


def _check_opened(db: Connection, path: Path) -> None:
    programs = db.execute("select count(*) from sqlite_schema where type in ('trigger', 'view')").get
    if programs:
        raise damaged(path.name, "it holds triggers or views, which this toolkit never makes")
    if not db.pragma("checksum_verification"):
        raise damaged(path.name, "its page checksums are switched off")


def check_files(path: Path) -> None:
    """Refuse files that SQLite would follow, block on or misread, before it opens them.

    A flipped bit in the header could switch the page checksums off, so the header's constants are compared here.

    Raises
    ------
    StoreCorrupt
        The database or its log is missing, no plain file, cut off or not made by this toolkit.
    """
    for suffix in ("-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(beside.lstat().st_mode) or suffix == "-journal":
                raise damaged(beside.name, "it is not a file that this toolkit wrote", fix="move it away")
    try:
        info = path.lstat()
    except FileNotFoundError:
        raise damaged(path.name, "it is missing", fix="restore it from a copy or ingest again") from None
    if not stat.S_ISREG(info.st_mode):
        raise damaged(path.name, "it is not a plain file", fix="restore it from a copy or ingest again")
    try:
        with path.open("rb") as file:
            header = file.read(len(HEADER))
    except OSError as error:
        raise unwritable(path, error) from error
    if info.st_size < PAGE_SIZE or info.st_size % PAGE_SIZE:
        raise damaged(path.name, f"its size, {info.st_size} bytes, is not a whole number of pages")
    if header != HEADER:
        raise damaged(path.name, "its header is not that of a knowledge base")


@contextlib.contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Commit all changes of the block durably, or none of them."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        # A full disk makes SQLite roll back by itself.
        if db.in_transaction:
            db.execute("rollback")
        raise


def checkpoint(db: Connection) -> bool:
    """Bring the log into the database file and empty it; False when a reader still needs the log."""
    busy, _, _ = db.execute("pragma wal_checkpoint(truncate)").get
    return not busy


__all__ = [
    "DATABASE",
    "Connection",
    "StoreCorrupt",
    "check_files",
    "checkpoint",
    "create",
    "open_readable",
    "open_writable",
    "transaction",
]
