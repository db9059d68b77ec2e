"""Safe parsing of XML, for all formats that are made of it."""

from __future__ import annotations

import contextlib
import re

from .errors import LoadError
from .formats import Untyped
from .reading import decode

Element = Untyped  # of lxml

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,30})["']""")
_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,300}\?>")
_UNICODE = re.compile(rb"utf|unicode|ucs", re.IGNORECASE)


def xml_tree(data: bytes) -> Element:
    """Parse XML without entities, DTDs, network and unlimited nesting; raises LoadError."""
    from lxml import etree

    data = _as_utf8(data)
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise LoadError("parse", f"not well-formed XML: {error}") from None


def _as_utf8(data: bytes) -> bytes:
    """Return XML in UTF-8 if it says otherwise, or says so and is not; the declared encoding is doubted."""
    declared = _DECLARED.match(data[:500])
    if declared is None or _UNICODE.match(declared[1]):
        with contextlib.suppress(UnicodeDecodeError):
            data.decode()
            return data
        if b"\0" in data[:4]:
            return data  # UTF-16, which the parser tells
    text = decode(data, declared[1].decode() if declared else "")
    return _DECLARATION.sub("", text, count=1).encode("utf-8", "replace")


def local(tag: object) -> str:
    """Return a tag without its namespace; empty for entities and the like."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(node: Element, name: str) -> str:
    """Return an attribute, whatever its namespace; empty if there is none."""
    return next((value for key, value in node.attrib.items() if local(key) == name), "")


def squeezed(element: Element) -> str:
    """Return all text in an element, white space collapsed; entities are left out."""
    return " ".join("".join(element.xpath(".//text()")).split())
