"""Tables of every format: rows as lines that a search can find, ``column: value``. CSV and TSV files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from .draft import Draft
from .formats import ParseContext
from .plain import text_of
from .results import Parsed

ACROSS = "\0<"
"""A cell that its left neighbour covers."""
UP = "\0^"
"""A cell that the one above it covers."""

Row = tuple[int, list[str]]
"""A row of a grid with its number."""

_SAMPLE = 1 << 14
_MAX_FIELD = 1 << 20
_MAX_NAME = 80
_MAX_LONG_NAME = 400
_MAX_HEADER = 4
_LOOK = 50
_CHUNK = 10_000
_MAX_COVERED = 100_000
_VALUE = re.compile(
    r"[-+(]?\s?(?:[A-Z]{3}|[$€£¥])?\s?[-+]?\d[\d\s.,'’]*(?:[eE][-+]?\d+|\^[-+−]?\d+)?\s?"
    r"(?:[$€£¥%‰°]|[A-Za-zµ°²³/%]{1,4}(?:\^[-−]?\d)?)?\)?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\d{1,2}:\d{2}.{0,12})?|\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?"
)
_SEPARATOR = re.compile(r"sep=(.)\r?\n")
"""The line by which a table tells a spreadsheet program its delimiter."""
_DATE = re.compile(r"\d{1,2}:\d{2}|\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?")
_NOTHING = frozenset(
    {"", "-", "–", "—", "n/a", "N/A", "na", "NA", "null", "None", "true", "false", "True", "False", ACROSS, UP}
)


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read CSV (comma, semicolon, tab or bar, whichever fits) or TSV."""
    text = text_of(data, context)
    separator = _SEPARATOR.match(text)
    text = text[separator.end() :] if separator else text
    delimiter = separator[1] if separator else "\t" if context.type == "tsv" else _delimiter(text[:_SAMPLE])
    csv.field_size_limit(_MAX_FIELD)
    draft = Draft(context.budget)
    count = add_tables(enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1), draft)
    yield draft.parsed(context.stem_title, {"rows": count})


def add_text_table(rows: Sequence[Row], draft: Draft, *, marked: int = 0) -> None:
    """Add a table of a text; its first row is a header only if there are three columns, unless the file says more."""
    add_tables(rows, draft, marked=marked, bold=max((len(cells) for _, cells in rows), default=0) > 2)


def add_tables(rows: Iterable[Row], draft: Draft, *, marked: int = 0, bold: bool = True) -> int:
    """Add the tables of a grid, which empty rows or columns part; every row is a line with its columns' names.

    Parameters
    ----------
    rows
        Numbered rows of cells, or with 0 where rows have no numbers; `ACROSS` and `UP` are cells that others cover.
    marked
        How many rows at the top the file itself calls a header.
    bold
        Whether a first row of different short words is a header although nothing below it differs in kind, as in
        sheets and CSV.

    Returns
    -------
    int
        Rows of data: titles, headers and empty rows do not count.
    """
    count = 0
    above: _Table | None = None
    for block in _with_headers(_blocks(rows), bold):
        head = block[:_CHUNK]
        tables = [_Table(columns, head, draft, marked, bold) for columns in _side_by_side(head)]
        if above is not None and len(tables) == 1:
            tables[0].go_on(above)
        for i in range(0, len(block), _CHUNK):
            count += sum(table.add(block[i : i + _CHUNK], begins=not i) for table in tables)
        marked, above = 0, tables[-1]
    draft.end_table()
    return count


def covered_cells(ranges: list[tuple[int, int, int, int]]) -> dict[tuple[int, int], str]:
    """Return the cells that merged ones cover; ranges are (top, left, bottom, right), inclusive."""
    cells: dict[tuple[int, int], str] = {}
    for top, left, bottom, right in ranges:
        if len(cells) + (bottom - top + 1) * (right - left + 1) > _MAX_COVERED:
            continue
        for row in range(top, bottom + 1):
            cells.update({(row, column): ACROSS for column in range(left + 1, right + 1)})
            if row > top:
                cells[row, left] = UP
    return cells


def with_covered(cells: list[str], row: int, covered: dict[tuple[int, int], str]) -> list[str]:
    """Return a row with marks in the place of cells that others cover."""
    if not covered:
        return cells
    width = max((right + 1 for at, right in covered if at == row), default=0)
    return [cell or covered.get((row, i), "") for i, cell in enumerate([*cells, *[""] * (width - len(cells))])]


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Part a grid at its empty rows; rows that are only covered part nothing and hold nothing."""
    clean = ((number, [_squeezed(cell) for cell in cells]) for number, cells in rows)
    for full, block in groupby(clean, key=lambda row: any(row[1])):
        if full and (held := [row for row in block if filled(row[1])]):
            yield held


def _with_headers(blocks: Iterable[list[Row]], bold: bool) -> Iterator[list[Row]]:
    """Join a block that is nothing but a header to the one after it, which has none."""
    waiting: list[Row] = []
    for block in blocks:
        if waiting:
            both = [cells for _, cells in (*waiting, *block[:_LOOK])]
            below = [cells for _, cells in block[:_LOOK]]
            titles = _titles(both)
            leads = (
                not _titles(below) and not _depth(below, False) and _depth(both[titles:], bold) == len(waiting) - titles
            )
            if not leads:
                yield waiting
            block = [*waiting, *block] if leads else block  # noqa: PLW2901
            waiting = []
        if len(block) <= _MAX_HEADER and len(filled(block[-1][1])) > 2 and _names(block[-1][1]):
            waiting = block
        else:
            yield block
    if waiting:
        yield waiting


def _squeezed(cell: str) -> str:
    return cell if cell.isalnum() or cell in (ACROSS, UP) else " ".join(cell.split())


def _side_by_side(rows: Sequence[Row]) -> list[slice]:
    """Return the columns of each table: an empty column parts two if what follows has names and a text of its own."""
    width = max((len(cells) for _, cells in rows), default=0)
    empty = [all(i >= len(cells) or not cells[i] for _, cells in rows) for i in range(width)]
    begins = [empty.index(False)]
    for i in range(begins[0] + 1, width):
        if empty[i - 1] and not empty[i] and not all(empty[begins[-1] : i]):
            end = next((j for j in range(i, width) if empty[j]), width)
            part = [row for _, cells in rows if any(row := list(cells[i:end]))]
            if end - i > 1 and len(part) > 1 and _names(part[0]) and not any(_is_value(row[0]) for row in part[:_LOOK]):
                begins.append(i)
    return [slice(a, b) for a, b in zip(begins, [*begins[1:], width], strict=True)]


class _Table:
    """One table: titles above it, a header of one or more rows, rows of data."""

    def __init__(self, columns: slice, rows: Sequence[Row], draft: Draft, marked: int, bold: bool) -> None:
        self._columns, self._draft = columns, draft
        cells = [cells for _, cells in self._cut(rows)]
        self._titles = 0 if marked else _titles(cells)
        body = cells[self._titles :]
        depth = min(marked, len(body) - 1) if marked else _depth(body, bold)
        self._header, data = body[:depth], body[depth:]
        self._names = _joined(self._header)
        self._kinds = [_kind(data, i) for i in range(max(map(len, data), default=0))]
        used = {i for row in data for i, cell in enumerate(row) if cell not in ("", ACROSS, UP)}
        self._unused = any(name and i not in used for i, name in enumerate(self._names))
        self._labels = bool(self._names) and _is_grouped(data, self._names)
        self._above: list[str] = []
        self._next = -1

    def go_on(self, above: _Table) -> None:
        """Take the names of the table above the empty row, if this one has none and is of the same make."""
        alike = len(self._kinds) <= len(above._kinds) and all(
            a == b for a, b in zip(self._kinds, above._kinds, strict=False) if a is not None is not b
        )
        if (
            alike
            and len(self._kinds) > 2
            and not self._names
            and not self._titles
            and self._columns.start == above._columns.start
        ):
            self._names, self._unused = above._names, False

    def add(self, rows: Sequence[Row], *, begins: bool) -> int:
        """Add rows, the titles and the header first; returns how many are data."""
        count = 0
        cut = self._cut(rows)
        if begins:
            self._draft.end_table()
            for number, cells in cut[: self._titles]:
                self._line(number, filled(cells))
            cut = cut[self._titles :]
            self._draft.table()
            self._next = -1
            if self._unused:  # a name that no row repeats would be lost
                self._line(cut[0][0], self._names)
            cut = cut[len(self._header) :]
        for number, cells in cut:
            count += self._data(number, cells)
        return count

    def _cut(self, rows: Sequence[Row]) -> list[Row]:
        parts = ((number, cells[self._columns]) for number, cells in rows)
        return [(number, cells) for number, cells in parts if filled(cells)]

    def _data(self, number: int, cells: Sequence[str]) -> int:
        own = filled(cells)
        if self._header and any(own == filled(row) for row in self._header):
            return 0  # a header that is repeated on every page
        if self._names and cells[0] and len(own) == 1 < len([name for name in self._names if name]) - 1:
            self._line(number, own)  # a title between rows
            return 0
        above = [*self._above, *[""] * (len(cells) - len(self._above))]
        full = [
            above[i] if cell == UP or (not cell and not i and self._labels) else "" if cell == ACROSS else cell
            for i, cell in enumerate(cells)
        ]
        self._above = full
        named = (self._named(i, cell) for i, cell in enumerate(full))
        self._line(number, [each for each in named if each] if self._names else full)
        return 1

    def _named(self, i: int, cell: str) -> str:
        return f"{self._names[i]}: {cell}" if cell and i < len(self._names) and self._names[i] else cell

    def _line(self, number: int, cells: Sequence[str]) -> None:
        if number and number != self._next:
            self._draft.at_row(number)
        self._next = number + 1
        while cells and not cells[-1]:
            cells = cells[:-1]
        self._draft.block(" | ".join(cells), gap="\n")


def _titles(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the top are titles: one cell above a table of several, but not a group of columns."""
    for i, row in enumerate(rows):
        own = [j for j, cell in enumerate(row) if cell and cell not in (ACROSS, UP)]
        wide = max((len(filled(each)) for each in rows[i + 1 : i + 4]), default=0)
        group = own and own[0] > 0 and ACROSS in row
        # "Created | 2024-05-01" above wider rows is one too.
        if (
            group
            or len(own) > 2
            or wide <= len(own)
            or (
                len(own) == 2 and ((wide < 4 and not _is_fact(rows, i)) or ACROSS in row or _is_group(row, rows[i + 1]))
            )
        ):
            return i if i + 1 < len(rows) else 0
    return 0


def _is_fact(rows: Sequence[Sequence[str]], i: int) -> bool:
    """Say whether a row of two cells says something of the table, as "Printed | 2024-05-01" and what follows it do."""
    second = filled(rows[i])[-1]
    return (_is_value(second) and not _is_year(second)) or (i > 0 and len(filled(rows[i - 1])) == 2)


def _depth(rows: Sequence[Sequence[str]], bold: bool) -> int:
    """Return how many rows at the top are the header; 0 if the table has none."""
    for depth in range(1, min(_MAX_HEADER, len(rows) - 1) + 1):
        row, below = rows[depth - 1], rows[depth:]
        if _is_group(row, below[0]) and len(below) > 1 and _names(below[0]):
            continue
        if not _names(row) or len(filled(row)) * 2 < len(filled(below[0])):
            return 0
        clear = _differs(row, below) or (len(below) > 1 if depth > 1 else bold and _plain_names(row))
        return depth if clear else 0
    return 0


def _is_group(row: Sequence[str], below: Sequence[str]) -> bool:
    """Say whether a row of a header names groups of columns whose names are in the next row."""
    if not all(cell in ("", ACROSS, UP) or not _is_value(cell) or _is_year(cell) for cell in row):
        return False
    if UP in below or (ACROSS in row and len(filled(below)) > 1):
        return True
    if _repeats(row) and not _repeats(below) and _plain_text(row) and _plain_text(below):
        pairs = [(a, b) for a, b in zip(row, below, strict=False) if a or b]
        return len(set(pairs)) == len(pairs)
    names = filled(below[1:])
    gaps = [i for i in range(1, len(row)) if not row[i] and i < len(below) and below[i]]
    return len(set(names)) < len(names) and bool(gaps) and len(filled(row)) > 1 and _plain_text(below)


def _repeats(row: Sequence[str]) -> bool:
    """Say whether a row gives one name to several columns side by side, as a group of columns has it."""
    return any(a and a == b for a, b in pairwise(row))


def _names(row: Sequence[str]) -> bool:
    """Say whether a row can hold names of columns: words, or words before a series of years or dates."""
    names = filled(row)
    values = [name for name in names if _is_value(name)]
    if any(len(name) > _MAX_LONG_NAME for name in names) or not names:
        return False
    if values:
        return len(names) + (not row[0]) > len(values) and _is_series(values)
    return len(names) > 1 or UP in row


def _is_series(values: Sequence[str]) -> bool:
    """Say whether values can be names of columns: years, dates, or three and more numbers that count up."""
    if len(set(values)) < len(values):
        return False
    if all(map(_is_year, values)):
        return list(values) in (sorted(values), sorted(values, reverse=True))
    if not all(value.isdecimal() for value in values):
        return all(map(_DATE.fullmatch, values))
    return len(values) > 2 and all(int(b) - int(a) == 1 for a, b in pairwise(values))


def _kind(rows: Sequence[Sequence[str]], i: int) -> bool | None:
    """Say whether a column holds values rather than words; None if it holds nothing."""
    column = [row[i] for row in rows[:_LOOK] if i < len(row) and row[i] not in _NOTHING]
    return sum(map(_is_value, column)) * 2 > len(column) if column else None


def _differs(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Say whether a column under this row holds another kind of thing: values under a word, amounts under years."""
    for i, name in enumerate(row):
        column = [each[i] for each in below[:_LOOK] if i < len(each) and each[i] not in _NOTHING]
        if not name or name in (ACROSS, UP) or not column:
            continue
        alike = _is_year if _is_value(name) else (lambda cell: not _is_value(cell))
        if sum(map(alike, column)) * 2 < len(column):
            return True
    return False


def _plain_names(row: Sequence[str]) -> bool:
    names = filled(row)
    return (
        len(names) > 1
        and len(set(names)) == len(names)
        and all(len(name) <= _MAX_NAME and not name.endswith(":") for name in names)
        and _plain_text(row)
    )


def _plain_text(row: Sequence[str]) -> bool:
    return not any(map(_is_value, filled(row)))


def _joined(header: Sequence[Sequence[str]]) -> list[str]:
    """Join the rows of a header to one name a column, no two alike."""
    width = max(map(len, header), default=0)
    spread = [_spread(row, width, last=i == len(header) - 1) for i, row in enumerate(header)]
    names: list[str] = []
    for i in range(width):
        parts = dict.fromkeys(row[i] for row in spread if row[i] and row[i] != UP)
        name = " ".join(parts)
        number = 1
        while name and (shown := name if number == 1 else f"{name} {number}") in names:
            number += 1
        names.append(shown if name else "")
    return names


def _spread(row: Sequence[str], width: int, *, last: bool) -> list[str]:
    """Give a group's name to all columns that it covers; without merged cells, to those up to the next name."""
    merged = ACROSS in row
    full, name = [], ""
    for cell in [*row, *[""] * (width - len(row))]:
        covered = cell == ACROSS or (not cell and not last and not merged)
        name = name if covered else cell
        full.append("" if name == UP else name)
    return full


def _is_grouped(rows: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    """Say whether empty cells of the first column mean the label above: every such row is full otherwise."""
    firsts = [row[0] for row in rows]
    labels = [cell for cell in firsts if cell]
    blanks = len(firsts) - len(labels)
    width = len([name for name in names if name])
    full = all(row[0] or len(filled(row)) == width - 1 for row in rows)
    return (
        width > 2 and full and 3 * blanks >= len(rows) and len(labels) > 1 and bool(firsts[0])
        and len(set(labels)) == len(labels) and not any(map(_is_value, labels))
    )  # fmt: skip


def filled(row: Iterable[str]) -> list[str]:
    """Return the cells of a row that hold something."""
    return [cell for cell in row if cell and cell not in (ACROSS, UP)]


def _shown(row: Sequence[str]) -> str:
    return "\0".join(filled(row))


def _is_value(text: str) -> bool:
    return _VALUE.fullmatch(text) is not None


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdecimal() and "1800" <= text <= "2200"


def _delimiter(sample: str) -> str:
    """Pick the delimiter that splits the sample's lines most evenly."""
    lines = [line for line in sample.split("\n")[:20] if line.strip()][:10] or [""]

    def fit(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)] or [1]
        usual = max(set(counts), key=counts.count)
        return (counts.count(usual) if usual > 1 else 0, usual)

    return max(",;\t|", key=fit)
