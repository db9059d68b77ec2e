"""Addresses of knowledge bases on servers: ``postgresql://user@host:port/database#NAME``, ``milvus://host:port#NAME``.

``milvus:///path/team.db#NAME`` is a file of Milvus Lite, which this process serves to itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from ..errors import InvalidInput

MILVUS = "milvus"
_SCHEMES = ("postgresql", "postgres", MILVUS)
_MILVUS_PORT = 19530
_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")


def is_address(place: str | Path) -> bool:
    """Say whether a place is on a server; any other is a folder."""
    return isinstance(place, str) and place.partition("://")[0] in _SCHEMES and "://" in place


def said(place: str) -> str:
    """Return an address as it may be shown: without its password."""
    parts = urlsplit(place)
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(each for each in parts.query.split("&") if not each.lower().startswith("password="))
    shown = urlunsplit(("", user.partition(":")[0] + at + host, parts.path, query, parts.fragment))
    return f"{parts.scheme}:{'' if parts.netloc else '//'}{shown}"


def shown(place: str | Path) -> str:
    """Return a folder as it is, and an address without its password."""
    return said(str(place)) if is_address(place) else str(place)


@dataclass(frozen=True, slots=True)
class Address:
    """An address, taken apart.

    Attributes
    ----------
    server
        What the client library connects with; it may hold a password, so it is never shown.
    name
        The knowledge base's name in the database.
    shown
        The whole without the password.
    engine
        What keeps it: ``postgresql`` or ``milvus``.
    token
        User and password for Milvus, ``user:password``; empty without.
    """

    server: str
    name: str
    shown: str
    engine: str = "postgresql"
    token: str = field(default="", repr=False)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return self.engine == MILVUS and "://" not in self.server

    @property
    def schema(self) -> str:
        """The schema that holds its tables."""
        return f"rag_{self.name}"

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def address(place: str) -> Address:
    """Take an address apart.

    Raises
    ------
    InvalidInput
        It names no knowledge base, or by other signs than letters, digits, - and _.
    """
    try:
        parts = urlsplit(place)
    except ValueError as error:
        raise InvalidInput(f"this address cannot be read: {error}") from None
    shown = said(place)
    if not _NAME.fullmatch(parts.fragment):
        raise InvalidInput(
            f"{shown} does not say which knowledge base: end it with #NAME, of letters, digits, - and _, at most 48"
        )
    if parts.scheme == MILVUS:
        return _in_milvus(parts, shown)
    return Address(place.partition("#")[0], parts.fragment, shown)


def _in_milvus(parts: SplitResult, shown: str) -> Address:
    if "-" in parts.fragment:
        raise InvalidInput(f"{shown}: Milvus takes names of letters, digits and _ only")
    if not parts.netloc:
        path = unquote(parts.path)
        if not path.endswith(".db") or path.endswith("/.db"):
            raise InvalidInput(f"{shown}: name a file that ends with .db, as in milvus:///path/team.db#team")
        return Address(path, parts.fragment, shown, MILVUS)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"{shown} cannot be read: {error}") from None
    if not host or parts.path.strip("/"):
        raise InvalidInput(
            f"{shown} is not an address of Milvus: write milvus://HOST:PORT#NAME or milvus:///PATH.db#NAME"
        )
    token = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    shown_host = f"[{host}]" if ":" in host else host
    scheme = "https" if "tls=true" in parts.query else "http"
    return Address(f"{scheme}://{shown_host}:{port or _MILVUS_PORT}", parts.fragment, shown, MILVUS, token)
