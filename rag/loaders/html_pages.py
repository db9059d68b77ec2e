"""HTML pages: all of their text but menus, with headings, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from .draft import Draft, first_title
from .errors import LoadError
from .flow import Flow
from .formats import ParseContext
from .mathml import mathml
from .plain import text_of
from .results import Parsed
from .xml_text import Element

_CHARSET = re.compile(rb"""(?:charset|encoding)\s{0,9}=\s{0,9}["']?([A-Za-z0-9_.:-]{2,30})""", re.IGNORECASE)
_SMALL_PAGE = 2000
_LONG_CELL = 800
_FEW_LINKS, _LINK_LENGTH, _DENSE = 5, 60, 0.9
_MOST = 0.8
_GROUPS = frozenset({"ul", "ol", "div", "section", "aside", "header", "footer", "table"})
_TABLE_PARTS = frozenset({"table", "thead", "tbody", "tfoot", "tr", "td", "th"})
_STYLE = re.compile(r"(?:vertical-align|display)\s{0,9}:\s{0,9}(super|sub|block)\b", re.IGNORECASE)
_LOOKS = {"super": "sup", "sub": "sub", "block": "div"}
_NO_DATA = frozenset({"table", "form", "h1", "h2", "h3", "h4", "h5", "h6"})


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an HTML page."""
    tree = html_tree(text_of(data, context, declared_charset(data)))
    draft = Draft(context.budget)
    walk(tree, draft, menus(tree))
    title = " ".join((tree.findtext(".//title") or "").split())
    yield draft.parsed(first_title(title, draft.first_heading, context.stem_title))


def declared_charset(data: bytes) -> str:
    """Return the encoding that a page or an XML file says it has; empty if it says none."""
    match = _CHARSET.search(data[:2048])
    return match[1].decode("ascii") if match else ""


def html_tree(text: str) -> Element:
    """Parse HTML forgivingly, without network or unlimited nesting."""
    from lxml import etree, html

    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        tree = html.document_fromstring(text.encode(), parser=parser)
    except etree.ParserError as error:
        raise LoadError("empty" if "empty" in str(error).lower() else "parse", f"not readable HTML: {error}") from None
    return tree


def menus(tree: Element) -> set[Element]:
    """Return the parts of a page that serve to get around; none if hardly anything is left without them."""
    total = shown_length(tree)
    found: set[Element] = set()
    for node in tree.iter("nav", *_GROUPS) if total > _SMALL_PAGE else tree.iter("nav"):
        if not any(above in found for above in node.iterancestors()) and _is_menu(node):
            found.add(node)
    return found if sum(map(shown_length, found)) < _MOST * total else set()


def _is_menu(node: Element) -> bool:
    """Say whether a part is a menu: marked as one, or short links and hardly anything else, outside the content."""
    if node.tag == "nav" or node.get("role") == "navigation":
        return True
    links = list(node.iter("a"))
    if len(links) < _FEW_LINKS or any(above.tag in {"main", "article"} for above in node.iterancestors()):
        return False
    linked = sum(map(shown_length, links))
    return linked > _DENSE * shown_length(node) and linked < _LINK_LENGTH * len(links)


def shown_length(node: Element) -> int:
    """Count the characters of text in an element."""
    return sum(len(text.strip()) for text in node.xpath(".//text()[not(ancestor::script or ancestor::style)]"))


def walk(root: Element, draft: Draft, left_out: Collection[Element] = ()) -> None:
    """Add the text of an element tree: blocks, headings, list items, rows of tables, code."""
    from lxml import etree

    flow = Flow(draft)
    layouts: list[bool] = []  # of the tables around
    events = etree.iterwalk(root, events=("start", "end"))
    for event, node in events:
        tag = _shown_as(node)
        if event == "start":
            if tag == "table":
                layouts.append(_is_layout(node))
            flow.start("div" if tag in _TABLE_PARTS and layouts and layouts[-1] else tag, node.attrib)
            if node in left_out:
                draft.leave_out("navigation", " ".join(node.itertext()))
                events.skip_subtree()
            elif tag == "math":
                flow.text(mathml(node))
                notes = node.iter("{*}annotation", "{*}annotation-xml")
                draft.leave_out("markup", " ".join(text for note in notes for text in note.itertext()))
                events.skip_subtree()
            else:
                flow.text(node.text)
        else:
            flow.end("div" if tag in _TABLE_PARTS and layouts and layouts[-1] else tag)
            if tag == "table":
                layouts.pop()
            flow.text(node.tail if node is not root else None)
    flow.finish()


def _is_layout(table: Element) -> bool:
    """Say whether a table serves the layout: one column, or cells that hold tables, headings or long texts."""
    rows = [
        [text for cell in row if _local(cell.tag) in {"td", "th"} and (text := "".join(cell.itertext()).strip())]
        for row in table.iter("{*}tr", "tr")
    ]
    if table.get("role") in {"presentation", "none"} or all(len(row) < 2 for row in rows):
        return True
    if any(_local(node.tag) in _NO_DATA for node in table.iterdescendants()):
        return True
    return any(len(text) > _LONG_CELL for row in rows for text in row)


def _shown_as(node: Element) -> str:
    """Return an element's tag, for a span what its style makes of it: raised, lowered, or a block of its own."""
    tag = _local(node.tag)
    style = node.get("style") if tag == "span" else None
    found = _STYLE.search(style) if style else None
    return _LOOKS[found[1].lower()] if found else tag


def _local(tag: object) -> str:
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else "script"
