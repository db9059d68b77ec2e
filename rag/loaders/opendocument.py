"""ODT files: ``content.xml`` of the package, by lxml."""

from __future__ import annotations

from collections.abc import Iterator

from .archives import open_zip, read_bounded
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .results import Parsed
from .xml_text import Element, local, squeezed, xml_tree

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_SKIPPED = frozenset({"tracked-changes", "annotation", "note", "sequence-decls", "forms", "table-of-content"})
_MAX_DEPTH = 200


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an ODT: headings, paragraphs, lists, tables."""
    with open_zip(data, context.budget) as archive:
        names = archive.namelist()
        if "content.xml" not in names:
            raise LoadError("parse", "not a readable ODT: content.xml is missing")
        if "META-INF/manifest.xml" in names and b"encryption-data" in read_bounded(
            archive, archive.getinfo("META-INF/manifest.xml")
        ):
            raise LoadError("encrypted", "needs a password; save it without one and ingest that")
        content = xml_tree(read_bounded(archive, archive.getinfo("content.xml")))
        meta = xml_tree(read_bounded(archive, archive.getinfo("meta.xml"))) if "meta.xml" in names else None
    draft = Draft(context.budget)
    for body in content.iter("{*}body"):
        _blocks(body, draft, "", 0)
    title, author = (_property(meta, name) for name in ("title", "creator"))
    fields = {"author": author} if author else {}
    yield draft.parsed(first_title(title, draft.first_heading, context.stem_title), fields)


def _property(meta: Element, name: str) -> str:
    if meta is None:
        return ""
    return next((squeezed(e) for e in meta.iter("{http://purl.org/dc/elements/1.1/}" + name)), "")


def _blocks(parent: Element, draft: Draft, bullet: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise RecursionError
    for node in parent:
        tag = local(node.tag)
        if tag == "h":
            level = node.get(f"{_TEXT}outline-level", "1")
            draft.heading(line_text(node), int(level) if level.isdecimal() else 1)
        elif tag == "p":
            line = line_text(node)
            draft.block(bullet + line if line.strip() else "", gap="\n" if bullet else "\n\n")
        elif tag == "table-row":
            draft.row([squeezed(cell) for cell in node if local(cell.tag) == "table-cell"])
        elif tag and tag not in _SKIPPED:
            _blocks(node, draft, "- " if tag == "list-item" else bullet, depth + 1)


def line_text(node: Element) -> str:
    """Return a paragraph's text, with its spaces, tabs and line breaks that ODF writes as elements."""
    parts = [node.text or ""]
    for child in node:
        tag = local(child.tag)
        if tag == "s":
            parts.append(" ")
        elif tag == "tab":
            parts.append("\t")
        elif tag == "line-break":
            parts.append("\n")
        elif tag and tag not in _SKIPPED:
            parts.append(line_text(child))
        parts.append(child.tail or "")
    return "".join(parts)
