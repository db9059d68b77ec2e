"""Tables of HTML and Markdown as rows of cells: spans filled, header rows found."""

from __future__ import annotations

import re

from .draft import Draft

_WIDEST, _TALLEST = 200, 2000
_DIGIT = re.compile(r"\d")


class Grid:
    """Gathers the cells of one table and writes it as lines whose cells are parted by bars."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._shown: list[list[str]] = []
        self._heads = 0
        self._head = True
        self._hanging: dict[int, tuple[str, int]] = {}

    def row(self) -> None:
        """Open a row."""
        self._close_row()
        self._rows.append([])
        self._shown.append([])
        self._head = True

    def cell(self, text: str, *, head: bool = False, across: int = 1, down: int = 1) -> None:
        """Add a cell; one that covers several rows is repeated in each."""
        if not self._rows:
            self.row()
        self._hang()
        row, shown = self._rows[-1], self._shown[-1]
        for i in range(min(across, _WIDEST)):
            if down > 1:
                self._hanging[len(row)] = (text, min(down, _TALLEST))
            row.append(text)
            shown.append(text if i == 0 else "")
        self._head = self._head and head

    def _hang(self) -> None:
        """Put in what hangs down from the rows above."""
        row = self._rows[-1]
        while (above := self._hanging.get(len(row))) and above[1] > 1:
            self._hanging[len(row)] = (above[0], above[1] - 1)
            row.append(above[0])
            self._shown[-1].append(above[0])

    def _close_row(self) -> None:
        if not self._rows:
            return
        self._hang()
        if self._head and self._rows[-1] and self._heads == len(self._rows) - 1:
            self._heads += 1

    def write(self, draft: Draft) -> None:
        """Write the table into a draft, the names of its columns with it."""
        self._close_row()
        if not any(map(any, self._rows)):
            return
        heads = self._heads if self._heads < len(self._rows) else 0
        draft.table(" | ".join(map(_name, zip(*_even(self._rows[: heads or self._guessed()]), strict=True))))
        for row in self._shown:
            draft.row(row)
        draft.end_table()

    def _guessed(self) -> int:
        """Return 1 if no row is marked as header, and the first is one by its look: words over numbers."""
        first, *rest = self._rows
        named = len(first) > 1 and all(cell and not _DIGIT.search(cell) for cell in first)
        return int(named and any(_DIGIT.search(cell) for row in rest for cell in row))


def _even(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _name(cells: tuple[str, ...]) -> str:
    """Return a column's name: the cells of all header rows over it, each once."""
    return " ".join(dict.fromkeys(cell for cell in cells if cell))
