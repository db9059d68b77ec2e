"""Checks and properties that the three Office formats share."""

from __future__ import annotations

from ..documents import Field
from .archives import open_zip
from .errors import LoadError
from .formats import ParseContext, Untyped
from .results import metadata_of

_HEAD = 4096
_MAX_PARTS = 20_000


def check(data: bytes, context: ParseContext) -> None:
    """Hold an Office file to the limits of archives and to its standard's ban on DTDs, before its library sees it."""
    with open_zip(data, context.budget) as archive:
        infos = archive.infolist()
        if len(infos) > _MAX_PARTS:
            raise LoadError("limit", f"holds more than {_MAX_PARTS} parts")
        for info in infos:
            if info.filename.endswith((".xml", ".rels")):
                try:
                    with archive.open(info) as part:
                        head = part.read(_HEAD)
                except Exception as error:  # noqa: BLE001 - a broken part can fail in zlib, zipfile or struct
                    raise LoadError("parse", f"{info.filename}: {error}") from None
                if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                    raise LoadError("parse", f"{info.filename} declares a DTD, which Office files must not")


def properties(core: Untyped) -> dict[str, Field]:
    """Return title, author, subject and keywords where a document's properties have them."""
    fields = {name: getattr(core, name, None) for name in ("title", "author", "subject", "keywords")}
    if not fields["author"]:
        fields["author"] = getattr(core, "creator", None)
    return metadata_of(
        {name: value.strip() for name, value in fields.items() if isinstance(value, str) and value.strip()}
    )
