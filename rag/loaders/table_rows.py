"""Rows of tables that data sets are kept in: Parquet, Arrow, JSON lines, CSV and TSV; gzip around the last three."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import IO, Any

from ..errors import ExtraMissing, InvalidInput
from .draft import MAX_TEXT

COLUMNAR = (".parquet", ".arrow", ".feather")
LINES = (".jsonl", ".ndjson", ".csv", ".tsv")
ENDINGS = (*COLUMNAR, *LINES, *(f"{ending}.gz" for ending in LINES))
_MAX_LINE = 4 * MAX_TEXT
_BATCH = 256  # rows that are in memory at a time


def ending_of(name: str) -> str:
    """Return the ending of a table's file name that says how to read it; empty for a file that is none."""
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.lower().endswith(ending)), "")


def rows(file: IO[bytes], ending: str) -> Iterator[tuple[str, Any]]:
    """Yield each row with its place, ``row 3``; for a line that cannot be read, the exception that says why.

    Parameters
    ----------
    file
        Open for reading; a table of columns is read by batches, so that it need not fit memory.
    ending
        Of `ENDINGS`.

    Raises
    ------
    ExtraMissing
        pyarrow is not installed.
    InvalidInput
        The table is damaged.
    """
    if ending in COLUMNAR:
        yield from _columnar(file, ending)
        return
    try:
        if ending.endswith(".gz"):
            with gzip.open(file) as unpacked:
                yield from _lines(unpacked, ending.removesuffix(".gz"))
        else:
            yield from _lines(file, ending)
    except (EOFError, gzip.BadGzipFile) as error:
        raise InvalidInput(f"its gzip cannot be unpacked: {error}") from error


def _lines(file: Any, ending: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a file, or one that is unpacked
    if ending in {".csv", ".tsv"}:
        csv.field_size_limit(_MAX_LINE)
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        table = csv.DictReader(text, delimiter="\t" if ending == ".tsv" else ",")
        try:
            for row in table:
                yield f"line {table.line_num}", row
        except UnicodeDecodeError:
            yield f"after line {table.line_num}", ValueError("not UTF-8; save the file as UTF-8")
        except csv.Error as error:
            yield f"line {table.line_num}", ValueError(str(error))
        finally:
            text.detach()
        return
    number = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        if line.strip():
            yield f"line {number}", _parsed(line)


def _parsed(line: bytes) -> Any:  # noqa: ANN401 - what JSON holds
    try:
        return json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))


def _columnar(file: IO[bytes], ending: str) -> Iterator[tuple[str, Any]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ExtraMissing("tables of columns need pyarrow: pip install 'rag-workbench[parquet]'") from error
    number = 0
    try:
        batches = parquet.ParquetFile(file).iter_batches(_BATCH) if ending == ".parquet" else _arrow(file, pa)
        for batch in batches:
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(f"it cannot be read as {ending}: {error}; is it whole?") from error


def _arrow(file: IO[bytes], pa: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow has no types
    """Yield the batches of an Arrow file: Feather's form, or the stream that ``save_to_disk`` writes."""
    whole = file.read(6) == b"ARROW1"
    file.seek(0)
    if not whole:
        yield from pa.ipc.open_stream(file)
        return
    reader = pa.ipc.open_file(file)
    for at in range(reader.num_record_batches):
        yield reader.get_batch(at)
