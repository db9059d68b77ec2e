"""The file ``results.jsonl``: one configuration a line, each line whole or absent."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from indexes.file_lock import hold_folder
from rag.errors import InvalidInput

from .errors import DiskFull, ResultsExist

FILE = "results.jsonl"
Row = dict[str, Any]

_FIELDS = (
    "spec", "engine", "build", "search", "k", "recall", "qps", "p50_ms", "p99_ms", "build_s", "memory_bytes", "error",
    "data", "machine", "versions",
)  # fmt: skip
"""Fields that every row must have."""

TASK = ("k", "threads_asked", "filters_asked", "correlated_asked", "churn_asked", "load_asked", "seed")
"""Values that all rows of one file share, besides the data."""


@contextlib.contextmanager
def alone(folder: Path, command: str = "rag bench") -> Iterator[None]:
    """Make the folder and lock it against other runs; the kernel releases the lock when this process ends.

    Raises
    ------
    InvalidInput
        The folder cannot be made.
    ResultsExist
        Another run is writing into the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--out {folder} cannot be made: {error.strerror}; give another folder") from error
    try:
        place = hold_folder(folder)
    except BlockingIOError:
        raise ResultsExist(f"another {command} is writing into {folder}: wait, or give another --out") from None
    try:
        yield
    finally:
        os.close(place)


class Results:
    """The rows in a folder, to which rows are added one at a time.

    Parameters
    ----------
    folder
        Folder of results; made if missing.
    task
        Values that all rows share: `TASK` and ``data_digest``; ``data_name``, ``metric`` and ``n_queries`` serve to
        explain other data.
    resume
        Continue after existing rows.

    Raises
    ------
    ResultsExist
        There are rows and ``resume`` is false, or they belong to another task.
    """

    def __init__(self, folder: Path, task: Mapping[str, Any], *, resume: bool) -> None:
        self.folder = folder
        self._path = folder / FILE
        folder.mkdir(parents=True, exist_ok=True)
        self.rows: list[Row] = []
        if self._path.exists():
            self.rows, whole = _read(self._path)
            if self.rows and not resume:
                raise ResultsExist(
                    f"{self._path} has {len(self.rows)} rows: continue with --resume, or give another --out"
                )
            for row in self.rows:
                _same_task(row, task, self._path)
            os.truncate(self._path, whole)

    @property
    def done(self) -> set[str]:
        """Specs of the configurations that have figures."""
        return {row["spec"] for row in good(self.rows)}

    @property
    def failed(self) -> set[str]:
        """Specs of the configurations whose row has an error; full memory, for one, may pass."""
        return {row["spec"] for row in self.rows if row["error"]}

    def add(self, row: Row) -> None:
        """Write a row to the disk before returning; it replaces a failed row of the same spec.

        Raises
        ------
        DiskFull
            The disk is full. Earlier rows are kept, and no partial row is left.
        """
        try:
            if row["spec"] in self.failed:
                self._replace(row)
            else:
                self._append(row)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise DiskFull(
                    f"{self._path}: {error.strerror}; its {len(self.rows)} rows are kept: free some space and continue "
                    "with --resume"
                ) from error
            raise

    def _append(self, row: Row) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            _write(self._path, "ab", [row])
        except OSError:
            if self._path.exists():
                os.truncate(self._path, size)
            raise
        self.rows.append(row)

    def _replace(self, row: Row) -> None:
        rows = [row if old["spec"] == row["spec"] else old for old in self.rows]
        aside = self._path.with_name(f".{FILE}.new")
        try:
            _write(aside, "wb", rows)
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)
        self.rows[:] = rows


def read(folder: str | Path) -> list[Row]:
    """Return the rows in a folder of results (or in its file), without a truncated last line.

    Raises
    ------
    InvalidInput
        The file has no rows, or a line before the last is damaged.
    """
    folder = Path(folder)
    path = folder if folder.is_file() else folder / FILE
    if not path.is_file():
        raise InvalidInput(f"{folder} has no {FILE}: make some with rag bench --data ... --out {folder}")
    rows = _read(path)[0]
    if not rows:
        raise InvalidInput(f"{path} has no rows yet")
    return rows


def good(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without an error."""
    return [row for row in rows if not row.get("error")]


def _write(path: Path, mode: str, rows: Iterable[Row]) -> None:
    """Write all of the rows, and sync them to the disk."""
    lines = b"".join(json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows)
    with path.open(mode, buffering=0) as file:
        written = 0
        while written < len(lines):
            written += file.write(lines[written:])
        os.fsync(file.fileno())


def _read(path: Path) -> tuple[list[Row], int]:
    """Return the rows, and their length in bytes."""
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    rows: list[Row] = []
    for number, line in enumerate(raw[:whole].splitlines(), 1):
        try:
            row = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("spec"), str):
            raise InvalidInput(f"{path}: line {number} is damaged; delete that line, the others are good")
        missing = [name for name in _FIELDS if name not in row]
        if missing:
            raise InvalidInput(f"{path}: line {number} is not a row of rag bench: it lacks {', '.join(missing)}")
        rows.append(row)
    return rows, whole


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _same_task(row: Row, task: Mapping[str, Any], path: Path) -> None:
    data = row["data"]
    if data["digest"] != task["data_digest"]:
        for name in ("metric", "n_queries"):
            if data["name"] == task["data_name"] and data[name] != task[name]:
                _refuse(path, name.removeprefix("n_"), data[name], task[name])
        raise ResultsExist(f"{path} holds rows of other data ({data['name']}); give another --out")
    for name in TASK:
        if row.get(name) != task[name]:
            _refuse(path, name.removesuffix("_asked"), row.get(name), task[name])


def _refuse(path: Path, what: str, was: object, now: object) -> NoReturn:
    raise ResultsExist(f"{path} was measured with {what} {was!r}, not {now!r}; give the same, or another --out")
