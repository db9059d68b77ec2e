"""DOCX files, by python-docx: paragraphs, headings, lists, tables and text boxes."""

from __future__ import annotations

import io
from collections.abc import Iterator

from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .office import check, properties
from .results import Parsed
from .xml_text import Element, local

_SKIPPED = frozenset({"del", "Fallback", "instrText", "pPr", "rPr", "sectPr", "tblPr", "tblGrid", "sdtPr"})
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_MAX_DEPTH = 100


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a DOCX; text that was deleted under revision control is left out."""
    check(data, context)
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
    except KeyError as error:
        raise LoadError("parse", f"not a readable DOCX: {error}") from None
    reader = _DocxReader(Draft(context.budget), {s.style_id: s.name or "" for s in document.styles if s.style_id})
    reader.blocks(document.element.body, 0)
    fields = properties(document.core_properties)
    title = first_title(str(fields.pop("title", "")), reader.title, reader.draft.first_heading, context.stem_title)
    yield reader.draft.parsed(title, fields)


def _level(style: str) -> int:
    """Return the heading level of a style's name: 0 for none, -1 for the title."""
    name, _, number = style.lower().rpartition(" ")
    if style.lower() == "title":
        return -1
    return int(number) if name == "heading" and number.isdecimal() else 0


class _DocxReader:
    def __init__(self, draft: Draft, styles: dict[str, str]) -> None:
        self.draft = draft
        self.title = ""
        self._levels = {style: _level(name) for style, name in styles.items()}
        self._lists = {
            style for style, name in styles.items() if name.lower().startswith(("list bullet", "list number"))
        }
        self._tables_of_contents = {style for style, name in styles.items() if name.lower().startswith("toc ")}

    def blocks(self, parent: Element, depth: int) -> None:
        """Read the paragraphs and tables under an element, in order."""
        if depth > _MAX_DEPTH:
            raise RecursionError
        for child in parent:
            tag = local(child.tag)
            if tag == "p":
                self._paragraph(child, depth)
            elif tag == "tbl":
                self._table(child)
            elif tag not in _SKIPPED:
                self.blocks(child, depth + 1)  # content controls, insertions and other wrappings

    def _paragraph(self, paragraph: Element, depth: int) -> None:
        text = paragraph_text(paragraph)
        style = paragraph.style or ""
        if style in self._tables_of_contents:
            return
        level = self._levels.get(style, 0)
        if level > 0:
            self.draft.heading(text, level)
        elif level < 0:
            self.title = self.title or " ".join(text.split())
            self.draft.block(text)
        elif style in self._lists or (paragraph.pPr is not None and paragraph.pPr.numPr is not None):
            self.draft.block(f"- {text}" if text.strip() else "", gap="\n")
        else:
            self.draft.block(text)
        for box in paragraph.iter("{*}txbxContent"):
            if not any(local(above.tag) in {"Fallback", "txbxContent"} for above in box.iterancestors()):
                self.blocks(box, depth + 1)

    def _table(self, table: Element) -> None:
        for row in table.iter("{*}tr"):
            if next(row.iterancestors("{*}tbl")) is not table:
                continue  # a nested table's row: its text is part of the cell around it
            cells = [
                " ".join(paragraph_text(p) for p in cell.iter("{*}p")) for cell in row.iterchildren("{*}tc", "{*}sdt")
            ]
            self.draft.row(cells)


def paragraph_text(paragraph: Element) -> str:
    """Return a paragraph's text without text boxes, deleted text and formulas of fields."""
    parts: list[str] = []
    stack = [paragraph]
    while stack:
        node = stack.pop()
        tag = local(node.tag)
        if tag == "t":
            parts.append(node.text or "")
        elif tag in _BREAKS:
            parts.append(_BREAKS[tag])
        elif tag not in _SKIPPED and tag != "txbxContent":
            stack.extend(reversed(node))
    return "".join(parts)
