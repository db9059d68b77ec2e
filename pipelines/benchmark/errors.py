"""Errors of the benchmark."""

from __future__ import annotations

from rag.errors import RagError


class BenchmarkError(RagError, RuntimeError):
    """A benchmark that cannot go on; says what to do."""


class ResultsExist(BenchmarkError, FileExistsError):  # noqa: N818
    """The folder of results holds some already, or those of another task."""

    exit_code = 64


class DiskFull(BenchmarkError, OSError):  # noqa: N818
    """There is no room for an index or for results."""

    exit_code = 4


class EngineFailed(Exception):  # noqa: N818
    """What an engine did instead of answering rightly; ends as the text of a row, never as an error of the program."""


class EngineHung(EngineFailed):
    """It did not answer in time."""
