"""Errors of the benchmark."""

from __future__ import annotations

from rag.errors import RagError


class BenchmarkError(RagError, RuntimeError):
    """The benchmark cannot continue; the message says what to do."""


class ResultsExist(BenchmarkError, FileExistsError):  # noqa: N818
    """The folder already has results, or those of another task."""

    exit_code = 64


class DiskFull(BenchmarkError, OSError):  # noqa: N818
    """The disk is too full for an index or for results."""

    exit_code = 4


class EngineFailed(Exception):  # noqa: N818
    """A failure of an engine; becomes the error text of a row, never an error of the program."""


class EngineHung(EngineFailed):
    """The engine did not answer in time."""
