"""Sections: spans of a document that say where its characters stand: under which headings, on which page or row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """A span of a document, with its place in the file.

    Sections of a document are ordered, do not overlap, and need not cover the whole text.

    Attributes
    ----------
    start, end
        Character offsets into ``Document.text``, half open.
    heading
        Path of headings above the span, outermost first; may be empty.
    page
        1-based page, slide or sheet number; None if the format has no pages.
    row
        1-based row, in its sheet or file, that the span's first line shows; each line after it shows the next row.
    time
        Seconds from the beginning of a recording; None if the span is not a transcript.
    table
        1-based number of the table, counted in the document; None outside of tables.
    columns
        The names of the table's columns as one line, where the rows do not repeat them: chunks that begin below this
        line get it as a heading.
    """

    start: int
    end: int
    heading: tuple[str, ...] = ()
    page: int | None = None
    row: int | None = None
    time: float | None = None
    table: int | None = None
    columns: str = ""


_OPTIONAL = (None, None, None, "")


def section_at(sections: Sequence[Section], position: int) -> Section | None:
    """Return the section that holds a character; None between sections."""
    i = bisect_right(sections, position, key=lambda section: section.start) - 1
    return sections[i] if i >= 0 and position < sections[i].end else None


def sections_within(sections: Sequence[Section], start: int, end: int) -> Sequence[Section]:
    """Return the sections that share characters with a span."""
    first = bisect_right(sections, start, key=lambda section: section.end)
    last = bisect_right(sections, end - 1, key=lambda section: section.start)
    return sections[first:last]


def sections_from(sections: Sequence[Section], start: int, row: int | None) -> tuple[Section, ...]:
    """Return sections cut off before a character; ``row`` is the row of the file that shows it."""
    if not sections or sections[0].start >= start:
        return tuple(sections)
    first = sections[0]
    return (replace(first, start=start, row=None if first.row is None else row), *sections[1:])


def table_parts(sections: Sequence[Section], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a span after each table that another one follows: text between two tables goes with the second."""
    last: Section | None = None
    for section in sections_within(sections, start, end):
        if section.table is None:
            continue
        if last is not None and last.table != section.table and start < last.end < end:
            yield start, last.end
            start = last.end
        last = section
    yield start, end


def row_at(section: Section | None, text: str, position: int, offset: int = 0) -> int | None:
    """Return the row of the file that shows a character.

    Parameters
    ----------
    text, position
        A text that holds the section, and a place in it.
    offset
        Where ``text`` begins in the document.
    """
    if section is None or section.row is None:
        return None
    return section.row + text.count("\n", section.start - offset, position)


def section_rows(sections: Iterable[Section]) -> list[list[Any]]:
    """Return sections as JSON can hold them, without trailing fields that say nothing."""
    rows = []
    for section in sections:
        fields = list(astuple(section))
        rows.append(fields[:4] if tuple(fields[4:]) == _OPTIONAL else fields)
    return rows


def sections_of(rows: Iterable[Sequence[Any]]) -> tuple[Section, ...]:
    """Return what `section_rows` made of sections."""
    return tuple(Section(start, end, tuple(heading), *rest) for start, end, heading, *rest in rows)
