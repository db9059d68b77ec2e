"""OpenDocument files: texts, spreadsheets (a sheet is a page), presentations and drawings (a slide is a page)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .archives import open_zip, read_bounded
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .hidden import leave_out_hidden, page_of
from .office import properties_of
from .results import Parsed
from .scripts import lowered, raised, written
from .tables import Row, add_tables, add_text_table, covered_cells, filled, with_covered
from .xml_text import Element, attribute, local, squeezed, xml_tree

_KEPT = {
    "title": "title",
    "creator": "author",
    "initial-creator": "author",
    "subject": "subject",
    "keyword": "keywords",
}
_SKIPPED = frozenset({"sequence-decls", "forms", "variable-decls", "user-field-decls", "soft-page-break", "ruby-text",
                      "annotation-end", "settings", "database-ranges", "calculation-settings"})  # fmt: skip
_ASIDE = frozenset({"note", "annotation", "frame", "custom-shape", "g", "rect"})
"""Elements anchored in a paragraph whose text follows it."""
_LEFT_OUT = {"tracked-changes": "deleted", "table-of-content": "navigation", "hidden-text": "hidden",
             "hidden-paragraph": "hidden", "title": "pictures", "desc": "pictures"}  # fmt: skip
_BREAKS = {"s": " ", "tab": "\t", "line-break": "\n"}
_RAISED = re.compile(r"super|[1-9]")
_MAX_DEPTH = 200
_MAX_REPEATED = 1000
_MAX_COLUMNS = 16_384


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an OpenDocument text, spreadsheet, presentation or drawing, packed or as one file of XML."""
    content, styles, meta = _packed(data, context) if data.startswith(b"PK") else (xml_tree(data),) * 3
    draft = Draft(context.budget)
    reader = _Reader(draft, content)
    for body in content.iter("{*}body"):
        reader.body(body)
    reader.margins(styles)
    fields = {} if meta is None else properties_of(meta, _KEPT)
    title = first_title(str(fields.pop("title", "")), draft.first_heading, context.stem_title)
    yield draft.parsed(title, fields)


def _packed(data: bytes, context: ParseContext) -> tuple[Element, Element | None, Element | None]:
    """Return the content, the styles and the properties of a packed file."""
    with open_zip(data, context.budget) as archive:
        names = set(archive.namelist())

        def tree(name: str) -> Element:
            return xml_tree(read_bounded(archive, archive.getinfo(name))) if name in names else None

        if "content.xml" not in names:
            raise LoadError("parse", f"not a readable {context.type.upper()}: content.xml is missing")
        if "META-INF/manifest.xml" in names and b"encryption-data" in read_bounded(
            archive, archive.getinfo("META-INF/manifest.xml")
        ):
            raise LoadError("encrypted", "needs a password; save it without one and ingest that")
        return tree("content.xml"), tree("styles.xml"), tree("meta.xml")


def _count(node: Element, name: str) -> int:
    value = attribute(node, name)
    return max(int(value), 1) if value.isdecimal() and len(value) < 9 else 1


class _Cell(NamedTuple):
    text: str
    columns: int = 1
    rows: int = 1


class _Reader:
    def __init__(self, draft: Draft, content: Element) -> None:
        self.draft = draft
        self._waiting: list[Element] = []
        self._hidden = {
            attribute(style, "name")
            for style in content.iter("{*}style")
            for part in style
            if attribute(part, "display") in ("none", "false") or attribute(part, "visibility") == "hidden"
        }

        positions = {
            attribute(style, "name"): attribute(part, "text-position")
            for style in content.iter("{*}style")
            for part in style.iterchildren("{*}text-properties")
        }
        self._raised = {name for name, position in positions.items() if _RAISED.match(position)}
        self._lowered = {name for name, position in positions.items() if position.startswith(("sub", "-"))}

    def body(self, body: Element) -> None:
        """Read what the body holds: sheets, slides or text."""
        for kind in body:
            if local(kind.tag) == "spreadsheet":
                self._pages(kind.iterchildren("{*}table"), self._sheet, "the sheet {!r}")
            elif local(kind.tag) in ("presentation", "drawing"):
                self._pages(kind.iterchildren("{*}page"), self._slide, "the slide {!r}")
            else:
                self._blocks(kind, "", 0)

    def margins(self, styles: Element) -> None:
        """Add page headers and footers, every text once."""
        self.draft.drop_headings()
        for part in () if styles is None else styles.iter("{*}header", "{*}footer"):
            text = "\n".join(filter(None, (self._line(p).strip() for p in part.iter("{*}p"))))
            if attribute(part, "display") == "false":
                self.draft.leave_out("header-footer", text)
            else:
                self.draft.margin(text)

    def _pages(self, pages: Iterator[Element], add: Callable[[Element], None], what: str) -> None:
        main = self.draft
        for number, page in enumerate(pages, 1):
            hidden = attribute(page, "style-name") in self._hidden
            with page_of(main, number, what.format(attribute(page, "name")) if hidden else "") as self.draft:
                add(page)
        self.draft = main

    def _sheet(self, sheet: Element) -> None:
        rows = self._rows(sheet)
        if any(any(cells) for _, cells in rows) or self._waiting:
            self.draft.heading(attribute(sheet, "name"), 1)
            add_tables(rows, self.draft)
        for shapes in sheet.iterchildren("{*}shapes"):
            self._blocks(shapes, "", 0)
        self._follow(0)

    def _slide(self, slide: Element) -> None:
        shapes = sorted((s for s in slide if local(s.tag) != "notes"), key=lambda s: (_inches(s, "y"), _inches(s, "x")))
        title = next((shape for shape in shapes if attribute(shape, "class") == "title"), None)
        if title is not None:
            self.draft.heading(" ".join(self._line(p) for p in title.iter("{*}p")), 1)
        for shape in shapes:
            if shape is not title and attribute(shape, "class") in ("page-number", "date-time", "footer", "header"):
                self.draft.leave_out("header-footer", squeezed(shape))
            elif shape is not title:
                self._blocks([shape], "", 0)
        for notes in slide.iterchildren("{*}notes"):
            texts = (self._line(p).strip() for p in notes.iter("{*}p"))
            text = "\n".join(filter(None, texts))
            self.draft.block(f"Notes: {text}" if text else "")
            self._waiting = []

    def _blocks(self, parent: Element, bullet: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise RecursionError
        for node in parent:
            tag = local(node.tag)
            if tag in _LEFT_OUT or (tag == "section" and _is_hidden(node)):
                self.draft.leave_out(_LEFT_OUT.get(tag, "hidden"), squeezed(node))  # type: ignore[arg-type]
            elif tag == "h":
                level = attribute(node, "outline-level")
                self.draft.heading(self._line(node), int(level) if level.isdecimal() else 1)
            elif tag == "p":
                line = self._line(node)
                self.draft.block(bullet + line if line.strip() else "", gap="\n" if bullet else "\n\n")
            elif tag == "table":
                rows = [row for row in self._rows(node, numbered=False) if filled(row[1])]
                marked = sum(len(list(head.iterchildren("{*}table-row"))) for head in node.iter("{*}table-header-rows"))
                add_text_table(rows, self.draft, marked=marked)
            elif tag in ("note", "annotation"):
                self._waiting.append(node)
            elif tag and tag not in _SKIPPED:
                self._blocks(node, "- " if tag == "list-item" else bullet, depth + 1)
            if tag in ("h", "p", "table", "note", "annotation"):
                self._follow(depth + 1)

    def _line(self, node: Element) -> str:
        return written(self._runs(node))

    def _runs(self, node: Element) -> str:
        """Return a paragraph's text, with its spaces, tabs and line breaks that ODF writes as elements."""
        if attribute(node, "style-name") in self._hidden:
            self.draft.leave_out("hidden", squeezed(node))
            return ""
        parts = [node.text or ""]
        for child in node:
            tag = local(child.tag)
            if tag in _BREAKS:
                parts.append(_BREAKS[tag] * min(_count(child, "c"), 100))
            elif tag in _ASIDE:
                self._waiting.append(child)
            elif tag in _LEFT_OUT:
                self.draft.leave_out(_LEFT_OUT[tag], squeezed(child))  # type: ignore[arg-type]
            elif tag and tag not in _SKIPPED:
                parts.append(self._runs(child))
            parts.append(child.tail or "")
        text = "".join(parts)
        style = attribute(node, "style-name")
        return raised(text) if style in self._raised else lowered(text) if style in self._lowered else text

    def _follow(self, depth: int) -> None:
        """Add the notes, comments and frames of the paragraph, table or sheet at hand."""
        waiting, self._waiting = self._waiting, []
        for node in waiting:
            if local(node.tag) == "note":
                self.draft.leave_out("markup", " ".join(map(squeezed, node.iterchildren("{*}note-citation"))))
                for body in node.iterchildren("{*}note-body"):
                    self._blocks(body, "", depth + 1)
            elif local(node.tag) == "annotation":
                author = next((squeezed(e) for e in node.iterchildren("{*}creator")), "")
                text = " ".join(self._line(p).strip() for p in node.iter("{*}p"))
                self.draft.block(f"Comment by {author}: {text}" if author and text else text)
            else:
                self._blocks([node], "", depth + 1)

    def _rows(self, table: Element, *, numbered: bool = True) -> list[Row]:
        """Return a table's rows, repeated ones as often as they count, hidden ones to the account."""
        rows: list[Row] = []
        merged = []
        hidden = self._hidden_columns(table)
        number = 0
        for row in _table_rows(table):
            cells = [] if len(row) == 0 else self._cells(row)
            repeated = _count(row, "number-rows-repeated")
            at, number = number, number + repeated
            texts = [cell.text for cell in cells]
            if attribute(row, "visibility") in ("collapse", "filter"):
                leave_out_hidden(self.draft, " ".join(texts), "rows")
                continue
            leave_out_hidden(self.draft, " ".join(text for i, text in enumerate(texts) if i in hidden), "columns")
            merged += [(at, i, at + cell.rows - 1, i + cell.columns - 1) for i, cell in enumerate(cells)
                       if cell.rows > 1 or cell.columns > 1]  # fmt: skip
            shown = ["" if i in hidden else text for i, text in enumerate(texts)]
            rows += [(at + i + 1, shown) for i in range(min(repeated, _MAX_REPEATED if any(shown) else 1))]
        covered = covered_cells(merged)
        for i, (at, texts) in enumerate(rows):
            rows[i] = (at if numbered else 0, with_covered(texts, at - 1, covered))
        return rows

    def _hidden_columns(self, table: Element) -> set[int]:
        hidden: set[int] = set()
        at = 0
        for column in table.iter("{*}table-column"):
            repeated = min(_count(column, "number-columns-repeated"), _MAX_COLUMNS)
            if attribute(column, "visibility") in ("collapse", "filter"):
                hidden.update(range(at, at + repeated))
            at += repeated
        return hidden

    def _cells(self, row: Element) -> list[_Cell]:
        cells: list[_Cell] = []
        for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
            covered = local(cell.tag) != "table-cell"
            text = "" if covered else self._cell(cell)
            span = (1, 1) if covered else (_count(cell, "number-columns-spanned"), _count(cell, "number-rows-spanned"))
            repeated = min(_count(cell, "number-columns-repeated"), _MAX_REPEATED if text else _MAX_COLUMNS)
            cells += [_Cell(text, *span)] * min(repeated, _MAX_COLUMNS - len(cells))
        while cells and not cells[-1].text:
            cells.pop()
        return cells

    def _cell(self, cell: Element) -> str:
        """Return what a cell shows: its paragraphs, else its value, else its formula."""
        self._waiting += cell.iterchildren("{*}annotation")
        parts = [self._line(p).strip() for p in cell.iter("{*}p", "{*}h") if not _in_annotation(p, cell)]
        if text := " ".join(filter(None, parts)):
            return text
        value = attribute(cell, "value") or attribute(cell, "date-value") or attribute(cell, "string-value")
        formula = re.sub(r"^\w+:", "", attribute(cell, "formula"))
        if formula and not value and not attribute(cell, "value-type"):
            self.draft.remark(
                "formulas have no stored value and are shown as formulas: save the file in a spreadsheet program first"
            )
            return formula
        return value


def _is_hidden(section: Element) -> bool:
    """Say whether a section of a text is hidden, always or by a condition that was met."""
    display = attribute(section, "display")
    return display == "none" or (display == "condition" and attribute(section, "is-hidden") == "true")


def _in_annotation(paragraph: Element, cell: Element) -> bool:
    for above in paragraph.iterancestors():
        if above is cell:
            return False
        if local(above.tag) in _ASIDE and local(above.tag) != "frame":
            return True
    return False


def _table_rows(parent: Element) -> Iterator[Element]:
    """Yield a table's rows, through groups and header rows; a nested table's are its cell's text."""
    for node in parent:
        if local(node.tag) == "table-row":
            yield node
        elif local(node.tag) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _table_rows(node)


def _inches(shape: Element, name: str) -> float:
    match = re.match(r"(-?[\d.]+)(cm|mm|in|pt)?", attribute(shape, name))
    try:
        return float(match[1]) / {"cm": 2.54, "mm": 25.4, "pt": 72.0}.get(match[2] or "", 1.0) if match else 0.0
    except ValueError:
        return 0.0
