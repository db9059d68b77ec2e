"""PPTX files: a slide is a page, its title a heading; notes and comments come at its end."""

from __future__ import annotations

from collections.abc import Iterator

from .draft import Draft, first_title
from .drawing import graphic, paragraph_text, paragraphs
from .errors import LoadError
from .formats import ParseContext
from .hidden import page_of
from .office import Package
from .results import Parsed
from .tables import ACROSS, UP, Row, add_tables, filled
from .xml_text import Element, local

_MAX_DEPTH = 50
_TITLES = ("title", "ctrTitle")
_SMALL_PRINT = ("sldNum", "dt", "hdr", "ftr", "sldImg")


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a PPTX."""
    package = Package(data, context)
    deck = package.tree(package.main)
    if deck is None or local(deck.tag) != "presentation":
        raise LoadError("parse", "not a readable PPTX: its main part is not a presentation")
    relations = package.relations(package.main)
    ids = [_attribute(slide, "id", skip="id") for slide in deck.iter("{*}sldId")]
    slides = [relations[each].target for each in ids if each in relations]
    reader = _DeckReader(package, Draft(context.budget))
    for number, part in enumerate(slides, 1):
        reader.slide(number, part)
    fields = package.properties()
    named = first_title(str(fields.pop("title", "")), reader.draft.first_heading, context.stem_title)
    yield reader.draft.parsed(named, {**fields, "slides": len(slides)})


def _attribute(element: Element, name: str, skip: str = "") -> str:
    """Return an attribute whatever its namespace; ``skip`` is the plain one of the same name."""
    return next((value for key, value in element.attrib.items() if local(key) == name and key != skip), "")


class _DeckReader:
    def __init__(self, package: Package, draft: Draft) -> None:
        self.draft = draft
        self._package = package
        self._footers: set[str] = set()
        self._places: dict[tuple[str, str], tuple[int, int]] = {}

    def slide(self, number: int, part: str) -> None:
        """Add a slide; a hidden one goes to the account."""
        tree = self._package.tree(part)
        if tree is None:
            return
        main = self.draft
        hidden = tree.get("show") in ("0", "false")
        with page_of(main, number, f"slide {number}" if hidden else "") as self.draft:
            self._places = self._layout(part)
            shapes = list(_shapes(tree))
            title = next((shape for shape in shapes if _placeholder(shape)[0] in _TITLES), None)
            self.draft.heading("" if title is None else _text(title), 1)
            self._add(shapes, title, part, 0)
            self._aside(part)
        self.draft = main

    def _layout(self, part: str) -> dict[tuple[str, str], tuple[int, int]]:
        """Return where the slide's layout puts its placeholders, by type and number."""
        shapes = (shape for layout in self._package.related(part, "slideLayout") for shape in _shapes(layout))
        return {_placeholder(shape): place for shape in shapes if (place := _place(shape)) is not None}

    def _add(self, shapes: list[Element], title: Element, part: str, depth: int) -> None:
        """Add the texts of shapes in reading order: from the top down, then from the left."""
        if depth > _MAX_DEPTH:
            raise RecursionError
        for shape in sorted(shapes, key=lambda s: _place(s) or self._places.get(_placeholder(s), (0, 0))):
            if shape is title:
                continue
            tag = local(shape.tag)
            if tag == "grpSp":
                self._add(list(_children(shape)), title, part, depth + 1)
            elif tag == "graphicFrame":
                for table in shape.iter("{*}tbl"):
                    self._table(table)
                graphic(shape, self._package, part, self.draft)
            elif _placeholder(shape)[0] in _SMALL_PRINT:
                self._small_print(_text(shape), _placeholder(shape)[0])
            else:
                self.draft.block(_text(shape))
            for node in shape.iter("{*}cNvPr"):
                if tag != "grpSp":
                    self.draft.leave_out("pictures", node.get("descr"))

    def _table(self, table: Element) -> None:
        rows: list[Row] = []
        for row in table.iterchildren("{*}tr"):
            cells = [_cell(cell) for cell in row.iterchildren("{*}tc")]
            if filled(cells):
                rows.append((0, cells))
        marked = any(each.get("firstRow") in ("1", "true") for each in table.iterchildren("{*}tblPr"))
        add_tables(rows, self.draft, marked=int(marked))

    def _small_print(self, text: str, kind: str) -> None:
        """Read a footer once; numbers and dates of slides go to the account."""
        if kind == "ftr" and text not in self._footers:
            self._footers.add(text)
            self.draft.block(text)
        else:
            self.draft.leave_out("header-footer", text)

    def _aside(self, part: str) -> None:
        for notes in self._package.related(part, "notesSlide"):
            for shape in _shapes(notes):
                kind = _placeholder(shape)[0]
                if kind in _SMALL_PRINT:
                    self.draft.leave_out("header-footer", _text(shape))
                elif text := _text(shape):
                    self.draft.block(f"Notes: {text}")
        for comments in self._package.related(part, "comments", "comment"):
            for comment in comments.iter("{*}cm"):
                text = " ".join("".join(t.text or "" for t in comment.iter("{*}text", "{*}t")).split())
                self.draft.block(f"Comment: {text}" if text else "")


def _shapes(tree: Element) -> Iterator[Element]:
    for shapes in tree.iter("{*}spTree"):
        yield from _children(shapes)


def _children(group: Element) -> Iterator[Element]:
    """Yield a group's shapes; of alternatives the first."""
    for child in group:
        tag = local(child.tag)
        if tag == "AlternateContent":
            for choice in list(child)[:1]:
                yield from _children(choice)
        elif tag in ("sp", "grpSp", "graphicFrame", "pic", "cxnSp"):
            yield child


def _placeholder(shape: Element) -> tuple[str, str]:
    node = next(shape.iterfind("./{*}nvSpPr/{*}nvPr/{*}ph"), None)
    return ("", "") if node is None else (node.get("type", "body"), node.get("idx", ""))


def _place(shape: Element) -> tuple[int, int] | None:
    """Return a shape's own top and left; None if its layout says it."""
    paths = ("./{*}spPr/{*}xfrm/{*}off", "./{*}grpSpPr/{*}xfrm/{*}off", "./{*}xfrm/{*}off")
    node = next((off for path in paths for off in shape.iterfind(path)), None)
    try:
        return None if node is None else (int(node.get("y", 0)), int(node.get("x", 0)))
    except ValueError:
        return None


def _text(shape: Element) -> str:
    texts = (text for body in shape.iterchildren("{*}txBody") for text in paragraphs(body))
    return "\n".join(text for text in texts if text.strip())


def _cell(cell: Element) -> str:
    if cell.get("hMerge") in ("1", "true"):
        return ACROSS
    if cell.get("vMerge") in ("1", "true"):
        return UP
    return " ".join(
        paragraph_text(p) for p in cell.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}p")
    ).strip()
