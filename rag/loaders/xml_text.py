"""XML: safe parsing for all formats made of it, and the text of files of unknown vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from .draft import Draft, first_title
from .formats import Context, Untyped
from .results import LoadError, Parsed

_MAX_DEPTH = 300
Element = Untyped  # of lxml


def xml_tree(data: bytes) -> Element:
    """Parse XML without entities, DTDs, network and unlimited nesting; raises LoadError."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LoadError("parse", f"no well-formed XML: {error}") from None


def local(tag: object) -> str:
    """Return a tag without its namespace; empty for entities and the like."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def squeezed(element: Element) -> str:
    """Return all text in an element, white space collapsed; entities are left out."""
    return " ".join("".join(element.xpath(".//text()")).split())


def parse(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read XML as lines of ``name: value``, a block for every element that holds others."""
    root = xml_tree(data)
    if local(root.tag) == "html":
        from .html_pages import parse as parse_html

        yield from parse_html(data, context)
        return
    draft = Draft(context.budget)
    lines: list[str] = []
    _element(root, draft, lines, 0)
    draft.block("\n".join(lines))
    title = next((squeezed(e) for e in root.iter() if local(e.tag).lower() == "title"), "")
    text, sections = draft.finish()
    yield Parsed(text, first_title(title, context.stem_title), sections=sections)


def _is_mixed(element: Element) -> bool:
    """Say whether text stands between an element's children."""
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _without_tags(value: str) -> str:
    """Return the text of HTML that was put into an element escaped, as feeds do."""
    if "</" not in value:
        return value
    from .html_pages import html_tree, walk

    draft = Draft()
    walk(html_tree(f"<body>{value}</body>"), draft)
    return draft.finish()[0]


def _element(element: Element, draft: Draft, lines: list[str], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise RecursionError
    name = local(element.tag)
    lines.extend(f"{local(key)}: {value}" for key, value in element.attrib.items() if " " in value.strip())
    children = [child for child in element if local(child.tag)]
    if not children or _is_mixed(element):
        if value := _without_tags(squeezed(element)):
            lines.append(value if children else f"{name}: {value}")
        return
    for child in children:
        if len(child) and lines and not _is_mixed(child):
            draft.block("\n".join(lines))
            lines.clear()
        _element(child, draft, lines, depth + 1)
    if lines:
        draft.block("\n".join(lines))
        lines.clear()
