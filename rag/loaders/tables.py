"""Rows of tables as lines that a search can find: ``column: value`` with the header repeated; CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from .draft import Draft
from .formats import Context
from .plain import text_of
from .results import Parsed

_SAMPLE = 1 << 14
_MAX_FIELD = 1 << 20


def parse(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read CSV (comma, semicolon, tab or bar, whichever fits) or TSV."""
    text = text_of(data, context)
    delimiter = "\t" if context.type == "tsv" else _delimiter(text[:_SAMPLE])
    csv.field_size_limit(_MAX_FIELD)
    draft = Draft(context.budget)
    count = add_rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), draft)
    body, sections = draft.finish()
    yield Parsed(body, context.stem_title, sections=sections, metadata={"rows": count})


def add_rows(rows: Iterable[Sequence[str]], draft: Draft) -> int:
    """Add a table: every row a line, with its columns' names where the first row is a header. Returns its rows."""
    header: list[str] | None = None
    count = 0
    for raw in rows:
        row = [" ".join(cell.split()) for cell in raw]
        if not any(row):
            continue
        if header is None:
            header = row if is_header(row) else []
            if header:
                continue
        count += 1
        draft.row([_named(header, i, cell) for i, cell in enumerate(row) if cell] if header else row)
    if header and not count:
        draft.row(header)
    return count


def is_header(row: Sequence[str]) -> bool:
    """Say whether a row reads like the names of columns: two or more, all different, none a number, none long."""
    names = [cell for cell in row if cell]
    while row and not row[-1]:
        row = row[:-1]
    return (
        len(names) >= 2
        and len(names) == len(row)
        and len(set(names)) == len(names)
        and all(len(name) <= 80 and not _number(name) for name in names)
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
