"""DOC files of Word 97-2003: paragraphs, headings, tables, notes, comments, page headers.

The layout is that of [MS-DOC]: a text in pieces, whose properties are in pages of 512 bytes by place in the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from .compound import Compound, number
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .results import Parsed
from .tables import Row, add_text_table

_OLDEST = 193
_ENCRYPTED, _OTHER_TABLE = 0x0100, 0x0200
_STORIES = {"text": 0x4C, "footnotes": 0x50, "margins": 0x54, "comments": 0x5C, "endnotes": 0x60, "boxes": 0x64}
_PIECES, _OF_CHARACTERS, _OF_PARAGRAPHS = 0x01A2, 0x00FA, 0x0102
_HIDDEN, _DELETED, _IN_TABLE, _ROW_END = 0x083C, 0x0800, 0x2416, 0x2417
_SIZES = (1, 1, 2, 4, 2, 2, 0, 3)
_FIELD = re.compile("\x13[^\x13\x14\x15]*(?:\x14([^\x13\x14\x15]*))?\x15")
_ENDS = re.compile("[\r\x07\x0c]")
_PLAIN: dict[int, str | None] = {0x0B: "\n", 0x1E: "-", **dict.fromkeys((0x1F, 1, 2, 3, 4, 5, 8, 0x13, 0x14, 0x15))}


class _Paragraph(NamedTuple):
    text: str
    ends_cell: bool
    style: int
    in_table: bool
    ends_row: bool


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a DOC of Word 97-2003."""
    file = Compound(data)
    draft = Draft(context.budget)
    reader = _DocReader(file, draft)
    for story in ("text", "boxes", "footnotes", "endnotes", "comments"):
        if story != "text":
            draft.drop_headings()
        reader.add(story)
    reader.margins()
    fields = file.properties()
    yield draft.parsed(first_title(str(fields.pop("title", "")), draft.first_heading, context.stem_title), fields)


class _DocReader:
    def __init__(self, file: Compound, draft: Draft) -> None:
        self._draft = draft
        self._main = main = file.stream("WordDocument")
        flags = number(main, 0x0A, "<H")
        if flags & _ENCRYPTED:
            raise LoadError("encrypted", "needs a password; save it without one and ingest that")
        if number(main, 2, "<H") < _OLDEST:
            raise LoadError("type", "a file of Word 95 or older; save it as .docx and ingest that")
        self._table = file.stream("1Table" if flags & _OTHER_TABLE else "0Table")
        self._characters = self._properties(_OF_CHARACTERS, of_paragraphs=False)
        self._paragraphs = self._properties(_OF_PARAGRAPHS, of_paragraphs=True)
        self._spans: dict[str, tuple[int, int]] = {}
        at = 0
        for story, place in sorted(_STORIES.items(), key=lambda item: item[1]):
            end = at + max(number(main, place, "<i"), 0)
            self._spans[story], at = (at, end), end

    def add(self, story: str) -> None:
        """Add a story's paragraphs and tables."""
        rows: list[Row] = []
        cells: list[str] = []
        parts: list[str] = []
        for each in self._read(story):
            if not each.in_table:
                rows = self._close(rows)
                self._paragraph(each)
            elif each.ends_row:
                rows.append((0, cells))
                cells = []
            else:
                parts.append(each.text.strip())
                if each.ends_cell:
                    cells.append(" ".join(filter(None, parts)))
                    parts = []
        self._close([*rows, (0, cells)])

    def margins(self) -> None:
        """Add page headers and footers, every text once; those without a letter are page numbers."""
        for each in self._read("margins"):
            self._draft.margin(each.text)

    def _close(self, rows: list[Row]) -> list[Row]:
        held = [row for row in rows if any(row[1])]
        if held:
            add_text_table(held, self._draft)
        return []

    def _paragraph(self, paragraph: _Paragraph) -> None:
        if 1 <= paragraph.style <= 9:  # the styles of headings have fixed numbers
            self._draft.heading(paragraph.text, paragraph.style)
        else:
            self._draft.block(paragraph.text.strip())

    def _read(self, story: str) -> Iterator[_Paragraph]:
        """Yield a story's paragraphs, fields resolved."""
        parts: list[str] = []
        for text, place in self._spans_of(*self._spans[story]):
            parts.append(text)
            if _ENDS.fullmatch(text[-1:]):
                whole = "".join(parts)
                parts = []
                style, marks = self._style(place)
                yield _Paragraph(_shown(whole), whole[-1] == "\x07", style, _IN_TABLE in marks, _ROW_END in marks)
        if parts:
            yield _Paragraph(_shown("".join(parts)), False, 0, False, False)

    def _spans_of(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        """Yield the visible text between two characters, cut at the ends of paragraphs, with its place in the file."""
        for first, last, place, width in self._pieces():
            a, b = max(first, start), min(last, end)
            if a >= b:
                continue
            begin = place + (a - first) * width
            text = self._main[begin : begin + (b - a) * width].decode(
                "utf-16-le" if width == 2 else "cp1252", "replace"
            )
            at = 0
            for stop, kind in self._cuts(begin, begin + len(text) * width, width):
                part, at_before, at = text[at : (stop - begin) // width], at, (stop - begin) // width
                if kind:
                    self._draft.leave_out("deleted" if kind == _DELETED else "hidden", _shown(part))
                    continue
                offset = at_before
                for piece in re.findall("[^\r\x07\x0c]*[\r\x07\x0c]|[^\r\x07\x0c]+", part):
                    offset += len(piece)
                    yield piece, begin + (offset - 1) * width

    def _cuts(self, begin: int, end: int, width: int) -> Iterator[tuple[int, int]]:
        """Yield where runs end between two places, and what takes each out of sight: 0, _HIDDEN or _DELETED."""
        starts, runs = self._characters
        i = max(bisect_right(starts, begin) - 1, 0)
        at = begin
        while at < end:
            stop, kind = end, 0
            if i < len(runs) and runs[i][0] <= at < runs[i][1]:
                stop = min(runs[i][1], end)
                kind = next((mark for mark in (_DELETED, _HIDDEN) if mark in runs[i][2]), 0)
            elif i < len(runs) and runs[i][0] > at:
                stop = min(runs[i][0], end)
            i += i < len(runs) and runs[i][1] <= stop
            stop = max(stop, at + width)
            yield stop, kind
            at = stop

    def _style(self, place: int) -> tuple[int, frozenset[int]]:
        starts, runs = self._paragraphs
        i = bisect_right(starts, place) - 1
        return (runs[i][3], runs[i][2]) if i >= 0 and place < runs[i][1] else (0, frozenset())

    def _pieces(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield first and last character of each piece, its place in the file, and the bytes of a character."""
        at, end = number(self._main, _PIECES), 0
        end = at + number(self._main, _PIECES + 4)
        while at < end and self._table[at : at + 1] == b"\x01":
            at += 3 + number(self._table, at + 1, "<H")
        at += 5
        count = max((end - at - 4) // 12, 0)
        for i in range(count):
            first, last = (number(self._table, at + 4 * j) for j in (i, i + 1))
            place = number(self._table, at + 4 * (count + 1) + 8 * i + 2)
            small = bool(place & 1 << 30)
            place &= (1 << 30) - 1
            yield first, last, place // 2 if small else place, 1 if small else 2

    def _properties(
        self, where: int, *, of_paragraphs: bool
    ) -> tuple[list[int], list[tuple[int, int, frozenset[int], int]]]:
        """Return runs of characters or paragraphs by their places: start, end, the switches that are on, the style."""
        at, size = number(self._main, where), number(self._main, where + 4)
        count = max((size - 4) // 8, 0)
        runs = []
        for i in range(count):
            page = self._main[number(self._table, at + 4 * (count + 1) + 4 * i) * 512 :][:512]
            if len(page) < 512:
                continue
            wide = 13 if of_paragraphs else 1
            inside = min(page[511], 504 // (4 + wide))
            for j in range(inside):
                offset = 2 * page[4 * (inside + 1) + wide * j]
                style, switches = _switches(page, offset, of_paragraphs) if offset else (0, frozenset())
                runs.append((number(page, 4 * j), number(page, 4 * j + 4), switches, style))
        runs.sort(key=lambda run: run[:2])
        return [run[0] for run in runs], runs


def _switches(page: bytes, at: int, of_paragraphs: bool) -> tuple[int, frozenset[int]]:
    """Return the style and the switches that are on in a run's properties."""
    size, style = page[at], 0
    at += 1
    if of_paragraphs:
        size, at = (2 * size - 1, at) if size else (2 * page[min(at, 511)], at + 1)
        style = number(page, at, "<H") if at < 510 else 0
        at, size = at + 2, size - 2
    end, on = min(at + size, 511), set()
    while at + 2 < end:
        code = number(page, at, "<H")
        length = _SIZES[code >> 13] or 1 + page[at + 2]
        if code in (_HIDDEN, _DELETED, _IN_TABLE, _ROW_END) and page[at + 2] == 1:
            on.add(code)
        at += 2 + length
    return style, frozenset(on)


def _shown(text: str) -> str:
    """Return text as a page shows it: results of fields, not their codes."""
    while "\x13" in text and (less := _FIELD.sub(lambda m: m[1] or "", text)) != text:
        text = less
    return _ENDS.sub("\n", text).translate(_PLAIN).strip("\n")
