"""EPUB files: a zip of XHTML chapters, read in the order of the book's spine."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from .archives import open_zip, read_bounded
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .html_pages import declared_charset, html_tree, walk
from .reading import decode
from .results import Parsed
from .xml_text import Element, local, squeezed, xml_tree

_FIELDS = {"author": "creator", "language": "language", "date": "date"}


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an EPUB; chapters are pages."""
    with open_zip(data, context.budget) as archive:
        container = xml_tree(_part(archive, "META-INF/container.xml"))
        package_name = next((e.get("full-path", "") for e in container.iter("{*}rootfile")), "")
        package = xml_tree(_part(archive, package_name))
        items = {item.get("id"): item.get("href", "") for item in package.iter("{*}item")}
        folder = posixpath.dirname(package_name)
        draft = Draft(context.budget)
        unread = {name for name in archive.namelist() if name.lower().endswith((".xhtml", ".html", ".htm"))}
        for number, ref in enumerate(package.iter("{*}itemref"), 1):
            href = posixpath.normpath(posixpath.join(folder, unquote(items.get(ref.get("idref"), ""))))
            if href not in unread:
                continue
            unread.remove(href)
            draft.drop_headings()
            draft.page(number)
            if (tree := _page(archive, href)) is not None:
                walk(tree, draft, set(tree.iter("nav")))
        for href in sorted(unread):
            if (tree := _page(archive, href)) is not None:
                draft.leave_out("unread", " ".join(tree.itertext()))
    fields = {local(e.tag): squeezed(e) for e in reversed(list(package.iter("{http://purl.org/dc/elements/1.1/}*")))}
    metadata = {name: fields[key] for name, key in _FIELDS.items() if fields.get(key)}
    yield draft.parsed(first_title(fields.get("title"), draft.first_heading, context.stem_title), metadata)


def _page(archive: zipfile.ZipFile, href: str) -> Element | None:
    data = _part(archive, href)
    text = decode(data, declared_charset(data))
    return html_tree(text) if text.strip() else None


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return read_bounded(archive, archive.getinfo(name))
    except KeyError:
        raise LoadError("parse", f"not a readable EPUB: {name or 'the package'} is missing") from None
