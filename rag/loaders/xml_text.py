"""Safe parsing of XML, for all formats that are made of it."""

from __future__ import annotations

from .errors import LoadError
from .formats import Untyped

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
        raise LoadError("parse", f"not well-formed XML: {error}") from None


def local(tag: object) -> str:
    """Return a tag without its namespace; empty for entities and the like."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(node: Element, name: str) -> str:
    """Return an attribute, whatever its namespace; empty if there is none."""
    return next((value for key, value in node.attrib.items() if local(key) == name), "")


def squeezed(element: Element) -> str:
    """Return all text in an element, white space collapsed; entities are left out."""
    return " ".join("".join(element.xpath(".//text()")).split())
