"""Packages of Office Open XML: parts, their relations, and the properties that DOCX, PPTX and XLSX share."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from ..documents.document import Field
from .archives import open_zip, read_bounded
from .dates import iso_date
from .errors import LoadError
from .formats import ParseContext
from .xml_text import Element, squeezed, xml_tree

_HEAD = 4096
_MAX_PARTS = 20_000
_KEPT = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords"}


class Relation(NamedTuple):
    """What a part refers to: the last word of the relation's type, and the name of the other part."""

    type: str
    target: str


class Package:
    """An Office file, held to the limits of archives and to its standard's ban on DTDs before anything reads it.

    Raises
    ------
    LoadError
        If it is not a zip, a bomb, declares a DTD, or has no main part.
    """

    def __init__(self, data: bytes, context: ParseContext) -> None:
        self._archive = open_zip(data, context.budget)
        self._parts = {info.filename.lower(): info for info in self._archive.infolist()}
        if len(self._parts) > _MAX_PARTS:
            raise LoadError("limit", f"holds more than {_MAX_PARTS} parts")
        main = [each.target for each in self.relations("").values() if each.type == "officeDocument"]
        self.main = next((name for name in main if name.lower() in self._parts), "")
        if not self.main:
            raise LoadError("parse", f"not a readable {context.type.upper()}: it names no main part")

    def bytes_of(self, name: str) -> bytes:
        """Return a part's bytes; empty if there is none of that name. Raises LoadError for broken ones."""
        info = self._parts.get(name.lower())
        if info is None:
            return b""
        try:
            data = read_bounded(self._archive, info)
        except LoadError:
            raise
        except Exception as error:  # noqa: BLE001 - a broken part can fail in zlib, zipfile or struct
            raise LoadError("parse", f"{name}: {error}") from None
        if b"<!DOCTYPE" in data[:_HEAD] or b"<!ENTITY" in data[:_HEAD]:
            raise LoadError("parse", f"{name} declares a DTD, which Office files must not")
        return data

    def tree(self, name: str) -> Element:
        """Return a part's XML; None if there is none of that name."""
        data = self.bytes_of(name)
        return xml_tree(data) if data else None

    def relations(self, part: str) -> dict[str, Relation]:
        """Return what a part refers to inside the package, by id."""
        folder, name = posixpath.split(part)
        tree = self.tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        return {
            each.get("Id", ""): Relation(
                each.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, each.get("Target", ""))).lstrip("/"),
            )
            for each in (() if tree is None else tree)
            if each.get("TargetMode") != "External"
        }

    def related(self, part: str, *types: str) -> Iterator[Element]:
        """Yield the XML of the parts of some types that a part refers to, in the order of their names."""
        for each in sorted(set(self.relations(part).values())):
            if each.type in types and (tree := self.tree(each.target)) is not None:
                yield tree

    def properties(self) -> dict[str, Field]:
        """Return title, author, subject, keywords and dates where the document's properties have them."""
        core = next((each.target for each in self.relations("").values() if each.type == "core-properties"), "")
        tree = self.tree(core) if core else None
        return {} if tree is None else properties_of(tree, _KEPT)


def properties_of(tree: Element, names: dict[str, str]) -> dict[str, Field]:
    """Return fields from the elements of a document's properties, dates as ISO text with zone, names in NFC."""
    found: dict[str, Field] = {}
    for element in tree.iter("{*}*"):
        name, text = element.tag.rpartition("}")[2], unicodedata.normalize("NFC", squeezed(element))
        if text and name in names:
            found.setdefault(names[name], text)
        elif text and name in ("created", "creation-date"):
            found["created"] = iso_date(text)
        elif text and name in ("modified", "date"):
            found["last_modified"] = iso_date(text)
    return {name: value for name, value in found.items() if value}
