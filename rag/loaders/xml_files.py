"""The text of XML files of any vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from .draft import Draft, first_title
from .formats import ParseContext
from .html_pages import html_tree, parse as parse_html, walk
from .results import Parsed
from .xml_text import Element, local, squeezed, xml_tree

_MAX_DEPTH = 300


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read XML as lines of ``name: value``, a block for every element that holds others."""
    root = xml_tree(data)
    if local(root.tag) == "html":
        yield from parse_html(data, context)
        return
    draft = Draft(context.budget)
    lines: list[str] = []
    _element(root, draft, lines, 0)
    draft.block("\n".join(lines))
    title = next((squeezed(e) for e in root.iter() if local(e.tag).lower() == "title"), "")
    yield draft.parsed(first_title(title, context.stem_title))


def _is_mixed(element: Element) -> bool:
    """Say whether there is text between an element's children."""
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _without_tags(value: str) -> str:
    """Return the text of HTML that was put into an element escaped, as feeds do."""
    if "</" not in value:
        return value
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
