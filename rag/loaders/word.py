"""DOCX files: paragraphs, headings, lists, tables, text boxes, notes, comments, page headers and footers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .draft import Draft, first_title
from .drawing import formula, graphic
from .errors import LoadError
from .formats import ParseContext
from .numbering import Numbering
from .office import Package
from .results import Parsed
from .scripts import SCRIPTS, written
from .tables import ACROSS, UP, Row, add_text_table, filled
from .xml_text import Element, local

_SKIPPED = frozenset(
    {"instrText", "delInstrText", "pPr", "rPr", "sectPr", "tblPr", "tblGrid", "sdtPr", "fldData", "rt"}
)
_DELETED = frozenset({"del", "moveFrom"})
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
_MAX_DEPTH = 100


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a DOCX; text that was deleted under revision control is left out."""
    package = Package(data, context)
    tree = package.tree(package.main)
    body = None if tree is None else next(tree.iter("{*}body"), None)
    if body is None:
        raise LoadError("parse", "not a readable DOCX: its main part has no body")
    reader = _DocxReader(package, Draft(context.budget))
    reader.blocks(body, 0)
    reader.margins(body)
    fields = package.properties()
    title = first_title(str(fields.pop("title", "")), reader.title, reader.draft.first_heading, context.stem_title)
    yield reader.draft.parsed(title, fields)


class _Style(NamedTuple):
    name: str = ""
    level: int = 0
    """Of a heading; -1 for the title."""
    hidden: bool = False
    numbered: tuple[str, int] | None = None


def _value(parent: Element, *path: str) -> str | None:
    """Return the ``val`` of a descendant; None if there is no such element."""
    for tag in path:
        parent = None if parent is None else next(parent.iterchildren(f"{{*}}{tag}"), None)
    return None if parent is None else next((v for k, v in parent.attrib.items() if local(k) == "val"), "1")


def _is_on(parent: Element, *path: str) -> bool:
    return _value(parent, *path) not in (None, "0", "false", "off")


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if local(key) == name), "")


def _styles(package: Package) -> dict[str, _Style]:
    """Return the styles with what they inherit."""
    nodes = {
        _attribute(s, "styleId"): s for tree in package.related(package.main, "styles") for s in tree.iter("{*}style")
    }
    found: dict[str, _Style] = {}

    def style(name: str, depth: int) -> _Style:
        if name not in nodes or depth > _MAX_DEPTH:
            return _Style()
        if name not in found:
            node = nodes[name]
            base = style(_value(node, "basedOn") or "", depth + 1)
            shown = _value(node, "name") or ""
            numbers = _value(node, "pPr", "numPr", "numId")
            depth_of_list = _value(node, "pPr", "numPr", "ilvl") or "0"
            found[name] = _Style(
                shown,
                _level(shown, _value(node, "pPr", "outlineLvl")) or base.level,
                base.hidden or _is_on(node, "rPr", "vanish"),
                (numbers, int(depth_of_list)) if numbers and depth_of_list.isdecimal() else base.numbered,
            )
        return found[name]

    for name in nodes:
        style(name, 0)
    return found


def _level(name: str, outline: str | None) -> int:
    """Return the heading level of a style: 0 for none, -1 for the title."""
    word, _, number = name.lower().rpartition(" ")
    if name.lower() == "title":
        return -1
    if word == "heading" and number.isdecimal():
        return int(number)
    return int(outline) + 1 if outline and outline.isdecimal() and int(outline) < 9 else 0


class _DocxReader:
    def __init__(self, package: Package, draft: Draft) -> None:
        self.draft = draft
        self.title = ""
        self._package = package
        self._part = package.main
        self._styles = _styles(package)
        self._numbering = Numbering(package)
        self._notes = {kind: self._texts(kind) for kind in _NOTES.values()}
        self._waiting: list[Element] = []
        """Text boxes, notes and graphics of the paragraph or table at hand, which follow it."""

    def blocks(self, parent: Element, depth: int) -> None:
        """Read the paragraphs and tables under an element, in order."""
        if depth > _MAX_DEPTH:
            raise RecursionError
        for child in parent:
            tag = local(child.tag)
            if tag == "p":
                self._paragraph(child)
                self._follow(depth)
            elif tag == "tbl":
                self._table(child, depth)
            elif self._enters(child, tag):
                self.blocks(child, depth + 1)  # content controls, insertions and other wrappings

    def margins(self, body: Element) -> None:
        """Add page headers and footers, every text once; those without a letter are page numbers."""
        self.draft.drop_headings()
        relations = self._package.relations(self._package.main)
        settings = self._package.related(self._package.main, "settings")
        even = any(_is_on(tree, "evenAndOddHeaders") for tree in settings)
        parts: dict[str, bool] = {}
        for node in body.iter("{*}headerReference", "{*}footerReference"):
            kind = _attribute(node, "type")
            on = {"first": _is_on(node.getparent(), "titlePg"), "even": even}.get(kind, True)
            if (relation := relations.get(_attribute(node, "id"))) is not None:
                parts[relation.target] = parts.get(relation.target, False) or on
        main = self.draft
        for part, on in parts.items():
            tree, self._part, self.draft = self._package.tree(part), part, Draft()
            if tree is not None:
                self.blocks(tree, 0)
            text = self.draft.finish()[0]
            self.draft = main
            if on:
                main.margin(text)
            else:
                main.leave_out("hidden", text)

    def _texts(self, kind: str) -> dict[str, Element]:
        return {
            _attribute(note, "id"): note for tree in self._package.related(self._package.main, kind) for note in tree
        }

    def _paragraph(self, paragraph: Element) -> None:
        style = self._styles.get(_value(paragraph, "pPr", "pStyle") or "", _Style())
        text = self._text(paragraph, hidden=style.hidden)
        if style.name.lower().startswith("toc "):
            self.draft.leave_out("navigation", text)
            return
        level = style.level or _level("", _value(paragraph, "pPr", "outlineLvl"))
        number = self._numbering.label(_numbers(paragraph, style)) if text.strip() else None
        if level > 0:
            self.draft.heading(f"{number} {text}" if number and number != "-" else text, level)
        elif level < 0:
            self.title = self.title or " ".join(text.split())
            self.draft.block(text)
        elif number is not None or style.name.lower().startswith(("list bullet", "list number")):
            self.draft.block(f"{number or '-'} {text}" if text.strip() else "", gap="\n")
        else:
            self.draft.block(text)

    def _enters(self, node: Element, tag: str) -> bool:
        """Say whether what is under an element is text of the document; what is not goes to the account."""
        if not tag or tag in _SKIPPED:
            return False
        if tag in _DELETED:
            self.draft.leave_out("deleted", _all_text(node))
        elif tag == "Fallback":
            self.draft.leave_out("duplicated", _all_text(node))
        elif tag == "sdt" and _is_on(node, "sdtPr", "showingPlcHdr"):
            self.draft.leave_out("form-fields", _all_text(node))
        else:
            return True
        return False

    def _text(self, paragraph: Element, *, hidden: bool = False) -> str:
        """Return a paragraph's text without what is deleted or hidden; what is anchored in it waits."""
        parts: list[str] = []
        stack = [paragraph]
        while stack:
            node = stack.pop()
            tag = local(node.tag)
            if tag == "t":
                script = SCRIPTS.get(_value(node.getparent(), "rPr", "vertAlign") or "")
                parts.append(script(node.text or "") if script else node.text or "")
            elif tag in _BREAKS:
                parts.append(_BREAKS[tag])
            elif tag == "oMath":
                parts.append(formula(node))
            elif tag in _NOTES or tag in ("txbxContent", "chart", "relIds"):
                self._waiting.append(node)
            elif tag == "r" and self._is_hidden(node, hidden):
                self.draft.leave_out("hidden", _all_text(node))
            elif self._enters(node, tag):
                self.draft.leave_out("pictures", _attribute(node, "descr") if tag == "docPr" else None)
                stack.extend(reversed(node))
        return written("".join(parts))

    def _is_hidden(self, run: Element, inherited: bool) -> bool:
        own = _value(run, "rPr", "vanish")
        if own is not None:
            return own not in ("0", "false", "off")
        return inherited or self._styles.get(_value(run, "rPr", "rStyle") or "", _Style()).hidden

    def _follow(self, depth: int) -> None:
        """Add what waits."""
        waiting, self._waiting = self._waiting, []
        for node in waiting:
            tag = local(node.tag)
            if tag == "txbxContent":
                self.blocks(node, depth + 1)
            elif tag in _NOTES:
                self._note(_NOTES[tag], _attribute(node, "id"), depth)
            else:
                graphic(node, self._package, self._part, self.draft)

    def _note(self, kind: str, number: str, depth: int) -> None:
        note = self._notes[kind].pop(number, None)
        if note is None or depth > _MAX_DEPTH:
            return
        text = " ".join(self._text(p) for p in note.iter("{*}p")).strip()
        author = _attribute(note, "author")
        self.draft.block(f"Comment by {author}: {text}" if kind == "comments" and author and text else text)
        self._follow(depth + 1)

    def _table(self, table: Element, depth: int) -> None:
        rows: list[Row] = []
        marked = 0
        frame = [cell for row in _rows(table) for cell in _cells(row)]
        if len(frame) == 1:
            self.blocks(frame[0], depth + 1)  # a frame around text
            return
        for row in _rows(table):
            if _value(row, "trPr", "del") is not None:
                self.draft.leave_out("deleted", _all_text(row))
                continue
            shown = [cell if isinstance(cell, str) else self._cell(cell) for cell in _cells(row)]
            if filled(shown):
                marked += marked == len(rows) and _is_on(row, "trPr", "tblHeader")
                rows.append((0, shown))
        add_text_table(rows, self.draft, marked=marked)
        self._follow(depth + 1)

    def _cell(self, cell: Element) -> str:
        if _value(cell, "tcPr", "cellDel") is not None:
            self.draft.leave_out("deleted", _all_text(cell))
            return ""
        return " ".join(text for p in cell.iter("{*}p") if not _boxed(p, cell) and (text := self._text(p).strip()))


def _numbers(paragraph: Element, style: _Style) -> tuple[str, int] | None:
    number = _value(paragraph, "pPr", "numPr", "numId")
    level = _value(paragraph, "pPr", "numPr", "ilvl") or "0"
    if number is None:
        return style.numbered
    return (number, int(level)) if level.isdecimal() and number != "0" else None


def _boxed(paragraph: Element, cell: Element) -> bool:
    """Say whether a paragraph of a cell stands in a text box there, or in the box's fallback."""
    for above in paragraph.iterancestors():
        if above is cell:
            return False
        if local(above.tag) in ("txbxContent", "Fallback"):
            return True
    return False


def _rows(table: Element) -> Iterator[Element]:
    """Yield a table's rows, those in content controls too; a nested table's are its cell's text."""
    for node in table.iterchildren("{*}tr", "{*}sdt", "{*}sdtContent", "{*}customXml", "{*}ins"):
        if local(node.tag) == "tr":
            yield node
        else:
            yield from _rows(node)


def _cells(row: Element) -> Iterator[Element]:
    """Yield a row's cells, and marks in the place of columns that a cell covers."""
    before = _value(row, "trPr", "gridBefore") or "0"
    yield from [""] * min(int(before) if before.isdecimal() else 0, 100)
    for cell in row.iterchildren("{*}tc", "{*}sdt"):
        for inner in [cell] if local(cell.tag) == "tc" else cell.iter("{*}tc"):
            merge = _value(inner, "tcPr", "vMerge")
            yield UP if merge is not None and merge != "restart" else inner
            span = _value(inner, "tcPr", "gridSpan") or "1"
            yield from [ACROSS] * min(int(span) - 1 if span.isdecimal() else 0, 100)


def _all_text(node: Element) -> str:
    return " ".join(t.text or "" for t in node.iter("{*}t", "{*}delText"))
