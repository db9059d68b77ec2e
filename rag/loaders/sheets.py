"""XLSX files: a sheet is a page, a row a line, every value as its cell shows it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain

from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .hidden import leave_out_hidden, page_of
from .number_formats import BUILT_IN, general, shown
from .office import Package
from .results import Parsed
from .scripts import SCRIPTS, written
from .tables import Row, add_tables, covered_cells, filled, with_covered
from .xml_text import Element, local

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_MAX_COLUMNS = 16_384
_NO_VALUES = "{} formulas have no stored value and are shown as formulas: save the file in a spreadsheet program first"

Show = Callable[[float, int], str]


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an XLSX: values in their formats; a formula where no value is stored."""
    package = Package(data, context)
    book = package.tree(package.main)
    if book is None or local(book.tag) != "workbook":
        raise LoadError("parse", "not a readable XLSX: its main part is not a workbook")
    draft = Draft(context.budget)
    reader = _Workbook(package, book, draft)
    sheets = [sheet for group in book.iterchildren("{*}sheets") for sheet in group]
    for number, sheet in enumerate(sheets, 1):
        reader.sheet(number, sheet)
    reader.close()
    fields = package.properties()
    title = first_title(str(fields.pop("title", "")), context.stem_title)
    yield draft.parsed(title, {**fields, "sheets": len(sheets)})


@lru_cache(maxsize=1 << 15)
def column_number(reference: str) -> int:
    """Return the number of a cell's column, from 0, by its letters."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number - 1


class _Workbook:
    def __init__(self, package: Package, book: Element, draft: Draft) -> None:
        self._package, self._draft = package, draft
        self._relations = package.relations(package.main)
        self._strings = self._shared()
        self._used: set[int] = set()
        self._since_1904 = any(e.get("date1904") in ("1", "true") for e in book.iterchildren("{*}workbookPr"))
        self._codes = self._formats()
        self._formulas = 0

    def sheet(self, number: int, sheet: Element) -> None:
        """Add a sheet; a hidden one goes to the account."""
        relation = self._relations.get(next((v for k, v in sheet.attrib.items() if local(k) == "id"), ""))
        name = sheet.get("name", "")
        if relation is None:
            return
        main = self._draft
        hidden = sheet.get("state", "visible") != "visible"
        with page_of(main, number, f"the sheet {name!r}" if hidden else "") as self._draft:
            rows = self._rows(self._package.bytes_of(relation.target))
            first = next(rows, None)
            notes = list(self._notes(relation.target))
            if first is not None or notes:
                self._draft.heading(name, 1)
                add_tables([] if first is None else chain([first], rows), self._draft)
                for note in notes:
                    self._draft.block(note)
        self._draft = main

    def close(self) -> None:
        """Account for what no sheet shows."""
        unused = [text for i, text in enumerate(self._strings) if i not in self._used]
        self._draft.leave_out("hidden", " \n".join(unused))
        if self._formulas:
            self._draft.remark(_NO_VALUES.format(self._formulas))

    def _shared(self) -> list[str]:
        parts = self._package.related(self._package.main, "sharedStrings")
        return [_string(item) for tree in parts for item in tree.iterchildren("{*}si")]

    def _formats(self) -> list[str]:
        """Return the code of each style of cells; empty for those that show a number as it is."""
        for tree in self._package.related(self._package.main, "styles"):
            own = {e.get("numFmtId", ""): e.get("formatCode", "") for e in tree.iter("{*}numFmt")}
            styles = [xf.get("numFmtId", "0") for cells in tree.iterchildren("{*}cellXfs") for xf in cells]
            codes = [own.get(i) or BUILT_IN.get(int(i) if i.isdecimal() else 0, "") for i in styles]
            return ["" if code.lower() == "general" else code for code in codes]
        return []

    def _rows(self, data: bytes) -> Iterator[Row]:
        """Yield the rows that hold something, hidden ones to the account; an empty row where others were skipped."""
        merged = ((a.decode(), int(b), c.decode(), int(d)) for a, b, c, d in _MERGED.findall(data))
        covered = covered_cells([(b - 1, column_number(a), d - 1, column_number(c)) for a, b, c, d in merged])
        hidden: set[int] = set()
        last = number = 0
        for element in _elements(data):
            if local(element.tag) == "col":
                if element.get("hidden") in ("1", "true"):
                    first, last_column = _integer(element.get("min"), 1), _integer(element.get("max"), 0)
                    hidden.update(range(first - 1, min(last_column, _MAX_COLUMNS)))
                continue
            if local(element.tag) == "headerFooter":
                self._draft.leave_out(
                    "header-footer", " ".join(re.sub(r"&(?:[A-Z]|\d+|\"[^\"]*\")", " ", t) for t in element.itertext())
                )
                continue
            number = _integer(element.get("r"), number + 1)
            cells = self._cells(element, number, covered)
            if element.get("hidden") in ("1", "true"):
                leave_out_hidden(self._draft, " ".join(filled(cells)), "rows")
                last = number  # a hidden row parts no table
                continue
            if hidden:
                leave_out_hidden(self._draft, " ".join(filled(cells[i] for i in hidden if i < len(cells))), "columns")
                cells = [cell for i, cell in enumerate(cells) if i not in hidden]
            if any(cells):
                if number > last + 1:
                    yield number - 1, []
                yield number, cells
                last = number

    def _cells(self, row: Element, number: int, covered: dict[tuple[int, int], str]) -> list[str]:
        cells: list[str] = []
        for cell in row:
            reference = cell.get("r")
            at = column_number(reference.rstrip("0123456789")) if reference else len(cells)
            if not 0 <= at < _MAX_COLUMNS:
                continue
            if at >= len(cells):
                cells += [""] * (at - len(cells) + 1)
            cells[at] = self._value(cell)
        return with_covered(cells, number - 1, covered)

    def _value(self, cell: Element) -> str:
        kind, text, formula = cell.get("t", "n"), None, None
        for child in cell:
            tag = child.tag[-2:]  # the namespace has two spellings
            if tag == "}v":
                text = child.text or ""
            elif tag == "}f":
                formula = child.text or ""
            elif tag == "is":
                return _string(child)
        if not text and kind != "str":
            return "" if formula is None else self._formula(formula)
        text = text or ""
        if kind == "s":
            at = int(text) if text.strip().isdecimal() else -1
            self._used.add(at)
            return self._strings[at] if 0 <= at < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if text == "1" else "FALSE"
        return self._number(text, cell.get("s", "")) if kind == "n" else text

    def _number(self, text: str, style: str) -> str:
        code = self._codes[int(style)] if style.isdecimal() and int(style) < len(self._codes) else ""
        if not code and text.isdecimal() and len(text) < 15:
            return text
        with suppress(ValueError, OverflowError):
            value = float(text)
            return shown(value, code, since_1904=self._since_1904) if code else general(value)
        return text

    def _formula(self, formula: str) -> str:
        self._formulas += 1
        return f"={formula}" if formula else "(a formula)"

    def _notes(self, part: str) -> Iterator[str]:
        """Yield comments, and the texts of boxes and charts."""
        threads = list(self._package.related(part, "threadedComment"))
        for tree in threads or self._package.related(part, "comments"):
            for comment in tree.iter("{*}comment", "{*}threadedComment"):
                text = _string(comment) or "".join(comment.itertext())
                yield f"Comment on {comment.get('ref', 'a cell')}: {' '.join(text.split())}"
        for each in self._package.relations(part).values():
            if each.type == "drawing":
                charts = self._package.related(each.target, "chart")
                for tree in (self._package.tree(each.target), *charts):
                    for paragraph in (
                        () if tree is None else tree.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}p")
                    ):
                        yield "".join(t.text or "" for t in paragraph.iter("{*}t"))


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else default


def _elements(data: bytes) -> Iterator[Element]:
    """Yield the rows of a sheet, its columns before and its page header after them, each freed after its use."""
    from lxml import etree

    if not data:
        return
    events = etree.iterparse(io.BytesIO(data), tag=("{*}row", "{*}col", "{*}headerFooter"),
                             resolve_entities=False, load_dtd=False, no_network=True)  # fmt: skip
    try:
        for _, element in events:
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise LoadError("parse", f"not well-formed XML: {error}") from None


def _string(item: Element) -> str:
    """Return a string's text without the readings of its characters."""
    parts = (_scripted(t) for t in item.iter("{*}t") if local(t.getparent().tag) != "rPh")
    return re.sub(
        r"_x([0-9A-F]{4})_", lambda m: chr(int(m[1], 16)) if int(m[1], 16) > 31 else " ", written("".join(parts))
    )


def _scripted(text: Element) -> str:
    """Return a run's text, marked if it is raised or lowered."""
    script = next((SCRIPTS.get(e.get("val", "")) for e in text.getparent().iterfind("{*}rPr/{*}vertAlign")), None)
    return script(text.text or "") if script else text.text or ""
