"""Errors of SQLite and of the file system, translated into this toolkit's own."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import apsw

from ..errors import StoreCorrupt, StoreLocked, StoreUnwritable

_DAMAGE_CODES = frozenset(
    {
        apsw.SQLITE_IOERR_DATA,  # a page whose checksum does not match
        apsw.SQLITE_IOERR_SHORT_READ,
        apsw.SQLITE_IOERR_CORRUPTFS,
    }
)
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
_UNWRITABLE = (apsw.FullError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.IOError)


def damaged(file: str, cause: str, *, fix: str = "run `rag repair`") -> StoreCorrupt:
    """Make the error for a damaged file; ``file`` is its name relative to the knowledge base's folder."""
    return StoreCorrupt(f"{file} is damaged: {cause}; {fix}")


def unwritable(path: Path, cause: BaseException) -> StoreUnwritable:
    """Make the error for a place that cannot be written, or not even read."""
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    if isinstance(cause, (apsw.FullError, apsw.IOError)):
        reason = f"{reason} (is the disk full?)"
    error = StoreUnwritable(f"cannot use {path}: {reason}; free space or change the permissions, then run it again")
    error.errno = cause.errno if isinstance(cause, OSError) else errno.EIO
    return error


@contextlib.contextmanager
def sqlite_faults(path: Path) -> Iterator[None]:
    """Turn APSW's errors on the database ``path`` into `StoreCorrupt`, `StoreUnwritable` or `StoreLocked`."""
    try:
        yield
    except _DAMAGE as error:
        raise damaged(path.name, str(error)) from error
    except apsw.BusyError as error:
        raise StoreLocked(f"{path} is in use by another process; try again when it has finished") from error
    except _UNWRITABLE as error:
        code = getattr(error, "extendedresult", 0)
        if code in _DAMAGE_CODES:
            cause = "a page does not match its checksum" if code == apsw.SQLITE_IOERR_DATA else str(error)
            raise damaged(path.name, cause) from error
        raise unwritable(path, error) from error


@contextlib.contextmanager
def file_faults(path: Path) -> Iterator[None]:
    """Turn `OSError` at ``path`` or under it into `StoreUnwritable`."""
    try:
        yield
    except StoreUnwritable:
        raise
    except OSError as error:
        if isinstance(error, (StoreCorrupt, StoreLocked)) or error.errno is None:
            raise
        raise unwritable(path, error) from error
