"""HTML pages: the main content by trafilatura, with headings; the whole body if that finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..documents import clean_text
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .plain import text_of
from .results import Parsed
from .xml_text import Element

_DROPPED = frozenset({
    "script", "style", "noscript", "template", "nav", "header", "footer", "aside", "form", "button", "select", "iframe",
    "svg", "math", "object", "embed", "head", "title", "input", "textarea", "dialog",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "hr", "html", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead",
    "tr", "ul",
})  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_AS_HTML = {"row": "tr", "item": "li", "lb": "br", "quote": "blockquote", "list": "ul"}  # trafilatura's names
_LITTLE = 250
_SMALL_PAGE = 2000
_CLEAN = 0.85
_MAX_DEPTH = 500
_PERMALINK = re.compile(r"[\u200b\ufeff]|(?:\s#|\s?¶)$")
_CHARSET = re.compile(rb"""charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9_-]{2,30})""", re.IGNORECASE)


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an HTML page."""
    text = _declared(data) or text_of(data, context)
    tree = html_tree(text)
    draft = Draft(context.budget)
    walk(_main_content(text, tree), draft)
    title = " ".join((tree.findtext(".//title") or "").split())
    yield draft.parsed(first_title(title, draft.first_heading, context.stem_title))


def _declared(data: bytes) -> str:
    """Decode by the encoding that the page declares, if it is not UTF-8; else return an empty string."""
    match = _CHARSET.search(data[:2048])
    if match is None or data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")) or b"\0" in data[:2048]:
        return ""
    try:
        data.decode()
    except UnicodeDecodeError:
        pass
    else:
        return ""
    try:
        name = match[1].decode("ascii").lower()
        return clean_text(data.decode("cp1252" if name == "iso-8859-1" else name, "replace"))
    except LookupError:
        return ""


def html_tree(text: str) -> Element:
    """Parse HTML forgivingly, without network or unlimited nesting."""
    from lxml import etree, html

    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        tree = html.document_fromstring(text.encode(), parser=parser)
    except etree.ParserError as error:
        raise LoadError("empty" if "empty" in str(error).lower() else "parse", f"not readable HTML: {error}") from None
    return tree


def _main_content(text: str, tree: Element) -> Element:
    """Return the part of a page to read: the main content by trafilatura, unless the page marks it better.

    trafilatura is made for articles and may drop most of a reference page; where the page marks its main part and
    trafilatura found less than half of that, or where it found next to nothing, the page's own part is taken.
    """
    if _visible_size(tree) < _SMALL_PAGE:
        return tree
    marked = tree.xpath("//main | //*[@role='main']") or tree.xpath("//article[not(ancestor::article)]")
    own = marked[0] if len(marked) == 1 else tree
    size = _visible_size(own)
    try:
        from trafilatura import bare_extraction
    except ModuleNotFoundError:
        return own
    found = bare_extraction(
        text, include_comments=False, include_tables=True, include_formatting=True, with_metadata=False
    )
    body = getattr(found, "body", None)
    if body is None:
        return own
    extracted = _visible_size(body)
    if own is tree and extracted > _CLEAN * size:
        return own  # hardly anything to leave out, and the page's own marks say more
    enough = 0.5 * size if own is not tree else min(_LITTLE, 0.5 * size)
    return body if extracted >= enough else own


def _visible_size(element: Element) -> int:
    """Count the characters that `walk` would add, nearly."""
    total = 0
    stack = [element]
    while stack:
        node = stack.pop()
        if _local(node.tag) in _DROPPED:
            continue
        total += len(node.text or "") + sum(len(child.tail or "") for child in node)
        stack.extend(node)
    return total


def walk(root: Element, draft: Draft) -> None:
    """Add the visible text of an element tree: blocks, headings, list items, rows of tables, code."""
    _Walker(draft).element(root, 0)


class _Walker:
    """Goes over a tree once and gathers inline text until a block ends."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._inline: list[str] = []

    def element(self, node: Element, depth: int) -> None:
        tag = _local(node.tag)
        if tag == "head" and (node.get("rend") or "").startswith("h"):
            tag = node.get("rend")
        tag = _AS_HTML.get(tag, tag)
        if tag in _DROPPED or depth > _MAX_DEPTH:
            return
        if tag in _HEADINGS:
            self._flush()
            self._draft.heading(_PERMALINK.sub("", _flat(node)), _HEADINGS[tag])
        elif tag == "pre" or (tag == "code" and "\n" in (node.text or "")):
            self._flush()
            self._draft.block("".join(node.itertext()))
        elif tag == "tr" and not _is_layout(node):
            self._flush()
            self._draft.row([_flat(cell) for cell in node])
        elif tag == "br":
            self._inline.append("\n")
        else:
            self._children(node, depth, tag)

    def _children(self, node: Element, depth: int, tag: str) -> None:
        block = tag in _BLOCKS
        if block:
            self._flush()
        if tag == "li":
            self._inline.append("- ")
        self._inline.append(_squeezed(node.text))
        for child in node:
            self.element(child, depth + 1)
            self._inline.append(_squeezed(child.tail))
        if block:
            self._flush()

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        lines = [" ".join(line.split()) for line in text.split("\n")]
        flat = "\n".join(lines).strip()
        if flat and flat != "-":
            self._draft.block(flat, gap="\n" if flat.startswith("- ") else "\n\n")


def _is_layout(row: Element) -> bool:
    """Say whether a table's row serves the layout: its cells hold tables, headings, lists or paragraphs."""
    if len(row) == 1:
        return True
    paragraphs = 0
    for node in row.iterdescendants():
        tag = _local(node.tag)
        paragraphs += tag in {"p", "br"}
        if tag in {"table", "ul", "ol"} or tag in _HEADINGS or paragraphs > len(row):
            return True
    return False


def _local(tag: Element) -> str:
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else "script"  # comments and such are dropped


def _flat(node: Element) -> str:
    return " ".join("".join(node.itertext()).split())


def _squeezed(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""
