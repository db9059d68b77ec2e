"""Rows of tables with the names of their columns, which the table says once and every row needs to be understood.

"Revenue 4,512 5,011" answers nothing alone; "Revenue | 2021: 4,512 | 2022: 5,011 (in thousands of euros)" does.
"""

from __future__ import annotations

import re

from ..documents.document import Passage
from ..sentences import figures

_LOOK_BACK = 60
"""Lines above a row among which its header is looked for."""
_FAR = 6_000
_LONGEST_LINE = 200
_LONGEST_HEADER = 12
"""Words of a header; more are prose."""
_YEAR = r"(?:19|20)\d\d[AEF]?"
_PERIOD = rf"(?:(?:FY|CY|Q[1-4]|H[12])[ ’']?|(?:\d{{1,2}} )?[A-Z][a-z]{{2,8}}\.? (?:\d{{1,2}}, )?)?{_YEAR}\*?"
_PERIODS = re.compile(rf"(?<!\S)(?:{_PERIOD}\s+){{1,15}}{_PERIOD}$")
_UNIT = re.compile(
    r"\((?:[\w.$€£¥]{1,12} ){0,5}(?:thousands|millions|billions|[$€£¥]000|[$€£¥]m)\b[^()\n]{0,60}\)",
    re.IGNORECASE,
)
_BAR = " | "


def named_row(passage: Passage, start: int, end: int) -> str:
    """Return the row of a table at ``passage.text[start:end]`` with its columns' names; empty if it is none."""
    row = " ".join(passage.text[start:end].split())
    columns = passage.section_at(start).columns
    above = passage.text[max(0, start - _FAR) : start]
    if _BAR in row:
        shown = _by_bars(row, columns)
    elif len(values := figures(row)) and row != values[0]:
        shown = _by_places(row, values, above)
    else:
        return ""
    unit = _unit(passage, start, above) if shown and not shown.endswith("%") else ""
    return f"{shown} {unit}".rstrip()


def is_header(passage: Passage, start: int, end: int) -> bool:
    """Tell whether a span is the line of a table's columns, which says nothing alone."""
    row = " ".join(passage.text[start:end].split())
    if columns := passage.section_at(start).columns:
        return row.strip("| ") == " ".join(columns.split()).strip("| ")
    below = passage.text[end : end + _LONGEST_LINE].lstrip().partition("\n")[0]
    return bool(_periods(row)) or (not figures(row) and _names(row, figures(below)))


def _unit(passage: Passage, start: int, above: str) -> str:
    """Return what the amounts are in, as the table's own page and heading say it: ``(in thousands of euros)``."""
    place = passage.section_at(start)
    for found in reversed(list(_UNIT.finditer(above))):
        own = passage.section_at(start - len(above) + found.start())
        return found[0] if (own.heading, own.page) == (place.heading, place.page) else ""
    return ""


def _by_bars(row: str, columns: str) -> str:
    """Name the cells of a row that bars part, unless they have their names already."""
    names, cells = columns.split("|"), row.split("|")
    if not columns:
        return row if all(": " in cell for cell in cells) else ""
    return _joined(cells, names) if len(cells) <= len(names) else ""


def _by_places(row: str, values: list[str], above: str) -> str:
    """Name the values that a line ends with by the periods that the nearest header above ends with.

    A header of other names, whose words no bar parts, goes before the row whole. Prose ends the table.
    """
    label = row[: row.index(values[0])].rstrip(" $€£¥")
    for line in reversed(above.splitlines()[-_LOOK_BACK:]):
        if periods := _periods(line):
            named = values[-len(periods) :]  # the number of a note may go before them
            return _joined([label, *named], ["", *periods]) if len(named) == len(periods) else ""
        if figures(line) or not (line := line.strip()) or _UNIT.fullmatch(line):
            continue
        if _names(line, values):
            return f"{line}: {row}"
        if line.endswith((".", ":", ";")) or len(line.split()) > _LONGEST_HEADER:
            return ""
    return ""


def _names(line: str, values: list[str]) -> bool:
    """Tell whether a line can be the header of a row with these values: a word for each, and one for the label."""
    words = line.split()
    return 1 < len(values) < len(words) <= _LONGEST_HEADER and not line.endswith((".", ":", ";", "?", "!"))


def _periods(line: str) -> list[str]:
    """Return the periods that the header of a table ends with: years, quarters, or dates of one form."""
    line = line.rstrip()
    found = _PERIODS.search(line[-_LONGEST_LINE:]) if line[-1:] in "0123456789*AEF" else None
    periods = re.findall(_PERIOD, found[0]) if found else []
    forms = {re.sub(r"\d+|[^\W\d]+", "", period) for period in periods}
    return periods if len(forms) == 1 else [re.findall(_YEAR, period)[0] for period in periods]


def _joined(cells: list[str], names: list[str]) -> str:
    pairs = [(name.strip(), cell.strip()) for name, cell in zip(names, cells, strict=False)]
    named = [f"{name}: {cell}" if name else cell for name, cell in pairs if cell]
    # The first column names the row itself: "Canada", not "Country: Canada".
    return _BAR.join([pairs[0][1], *named[1:]] if pairs[0][1] else named)
