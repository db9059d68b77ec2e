"""Errors of the benchmark."""

from __future__ import annotations

from rag.errors import RagError


class BenchmarkError(RagError, RuntimeError):
    """A benchmark that cannot go on; says what to do."""


class ResultsExist(BenchmarkError, FileExistsError):  # noqa: N818
    """The folder of results holds some already, or those of another task."""

    exit_code = 64
