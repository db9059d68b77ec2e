"""Tables of reStructuredText that are directives: ``csv-table`` and ``list-table``."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from .tables import Row

_DIRECTIVE = re.compile(r"(\s*)\.\. +(csv-table|list-table)::[ \t]*(.*)$")
_OPTION = re.compile(r"\s+:([\w-]+):[ \t]*(.*)$")
_CELL = re.compile(r"(\s*)(\*\s+)?-(?:\s+(.*))?$")


def table_at(lines: Sequence[str], i: int) -> tuple[int, str, list[Row], int] | None:
    """Read the table that begins at line ``i``: how many lines it takes, its title, its rows, and how many head it."""
    directive = _DIRECTIVE.match(lines[i])
    if directive is None:
        return None
    end = i + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > len(directive[1])):
        end += 1
    at, options = i + 1, {}
    while at < end and (option := _OPTION.match(lines[at])):
        options[option[1]] = option[2]
        at += 1
    body = [line for line in lines[at:end] if line.strip()]
    if not body:
        return None  # its rows are in a file, or it is broken
    head = options.get("header-rows", "")
    rows = _listed(body) if directive[2] == "list-table" else _separated(body, options)
    marked = int(head) if head.isdecimal() else 0
    return end - i, directive[3], [(0, row) for row in rows], marked + ("header" in options)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _separated(body: list[str], options: dict[str, str]) -> list[list[str]]:
    mark = {"tab": "\t", "space": " "}.get(options.get("delim", ""), options.get("delim", ",")[:1] or ",")
    header = [options["header"]] if "header" in options else []
    lines = [*header, *(line.strip() for line in body)]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark, skipinitialspace=True)]


def _listed(body: list[str]) -> list[list[str]]:
    """Return the rows of a list of lists; lines without a mark go on with the cell above."""
    rows: list[list[str]] = []
    depth = 0
    for line in body:
        cell = _CELL.match(line)
        if cell and cell[2]:
            rows.append([cell[3] or ""])
            depth = len(cell[1]) + len(cell[2])
        elif cell and rows and len(cell[1]) == depth:
            rows[-1].append(cell[3] or "")
        elif rows:
            rows[-1][-1] += f" {line.strip()}"
    return rows
