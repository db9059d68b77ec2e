"""CSV and TSV files: rows as lines that a search can find, ``column: value``, with the header repeated."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from .draft import Draft
from .formats import ParseContext
from .plain import text_of
from .results import Parsed

_SAMPLE = 1 << 14
_MAX_FIELD = 1 << 20
_MAX_NAME = 80


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read CSV (comma, semicolon, tab or bar, whichever fits) or TSV."""
    text = text_of(data, context)
    delimiter = "\t" if context.type == "tsv" else _delimiter(text[:_SAMPLE])
    csv.field_size_limit(_MAX_FIELD)
    draft = Draft(context.budget)
    count = add_rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), draft)
    yield draft.parsed(context.stem_title, {"rows": count})


def add_rows(rows: Iterable[Sequence[str]], draft: Draft) -> int:
    """Add a table: every row a line, with its columns' names where a header comes first. Returns the rows of data."""
    header: list[str] | None = None
    waiting: list[str] | None = None  # the row that may be the header: the next one decides
    count = 0
    for raw in rows:
        row = [" ".join(cell.split()) for cell in raw]
        if not any(row):
            continue
        if waiting is not None:
            header = _decide(waiting, row)
            if not header:
                draft.row(_filled(waiting))
                count += 1
            waiting = None
        if header is None:
            waiting = row
            continue
        filled = _filled(row)
        if header and (row == header or (len(filled) == 1 < len(_filled(header)) - 1)):
            draft.row([] if row == header else filled)  # a repeated header, or a title between rows
            continue
        count += 1
        draft.row([_named(header, i, cell) for i, cell in enumerate(row) if cell] if header else filled)
    if waiting is not None:
        draft.row(_filled(waiting))
        count += 1
    return count


def _decide(row: Sequence[str], after: Sequence[str]) -> list[str] | None:
    """Return the row as a header; [] if the table has none, None if the row is a title above the table."""
    wide, wider = len(_filled(row)), len(_filled(after))
    if is_header(row) and wider <= 2 * wide:
        return list(row)
    return None if wider > wide and not any(map(_number, row)) else []


def _filled(row: Sequence[str]) -> list[str]:
    return [cell for cell in row if cell]


def is_header(row: Sequence[str]) -> bool:
    """Say whether a row reads like the names of columns: two or more, all different, none a number, none long."""
    names = _filled(row)
    return (
        len(names) >= 2
        and len(set(names)) == len(names)
        and all(len(name) <= _MAX_NAME and not _number(name) for name in names)
    )


def _named(header: Sequence[str], i: int, cell: str) -> str:
    return f"{header[i]}: {cell}" if i < len(header) and header[i] else cell


def _number(text: str) -> bool:
    return text.strip("-+$€£% ").replace(".", "").replace(",", "").isdecimal()


def _delimiter(sample: str) -> str:
    """Pick the delimiter that splits the sample's lines most evenly."""
    lines = [line for line in sample.split("\n")[:20] if line.strip()][:10] or [""]

    def fit(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)] or [1]
        usual = max(set(counts), key=counts.count)
        return (counts.count(usual) if usual > 1 else 0, usual)

    return max(",;\t|", key=fit)
