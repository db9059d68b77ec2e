"""Errors of PostgreSQL and of the way to it, translated into this toolkit's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from psycopg import Error, errors

from ...errors import (
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreMissing,
    StoreUnavailable,
    StoreUnwritable,
    on_one_line,
)

_GONE = (errors.UndefinedTable, errors.InvalidSchemaName)
_DAMAGE = (errors.DataCorrupted, errors.IndexCorrupted)
_REFUSED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction, errors.DiskFull, errors.OutOfMemory)
_LOCKED = (errors.LockNotAvailable, errors.DeadlockDetected)


@contextlib.contextmanager
def faults(shown: str) -> Iterator[None]:
    """Turn psycopg's errors into `StoreError`s that name the server as ``shown``."""
    try:
        yield
    except Error as error:
        raise translated(shown, error) from error


def translated(shown: str, error: Error) -> StoreError:
    """Return this toolkit's error for psycopg's."""
    cause = on_one_line(str(error))
    if isinstance(error, _GONE):
        return StoreMissing(f"no knowledge base in {shown}; `rag copy FOLDER {shown}` makes one")
    if isinstance(error, _DAMAGE):
        return StoreCorrupt(f"{shown} is damaged: {cause}; restore the database from a copy")
    if isinstance(error, _REFUSED):
        return StoreUnwritable(f"cannot use {shown}: {cause}")
    if isinstance(error, _LOCKED):
        return StoreLocked(f"{shown} is in use: {cause}; try again")
    return StoreUnavailable(
        f"{shown} cannot be used: {cause}; try again when the server answers. What was acknowledged is kept"
    )
