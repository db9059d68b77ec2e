"""Principals: who asks, which documents they may read, and what they may do; each is known by a key."""

from __future__ import annotations

import hashlib
import logging
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from starlette.requests import HTTPConnection

from rag.errors import InvalidInput
from rag.filters import Filter, readable_by

from .errors import Forbidden

_log = logging.getLogger(__name__)
Scope = Literal["read", "upload", "feedback", "review", "metrics"]
SCOPES = frozenset(get_args(Scope))
ALL_GROUPS = "*"
"""In place of groups: every document, those of no group too."""
LEAST = 16
"""Characters of a key or token, at least."""
_FIELDS = frozenset({"key", "key_sha256", "groups", "scopes"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLACE = "rag.principal"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks.

    Attributes
    ----------
    name
        In logs and beside feedback.
    groups
        Documents with one of these in their ``acl`` may be read; None: all documents.
    scopes
        What they may do: ``read``, ``upload`` (and delete), give ``feedback``, ``review`` that of
        everybody, read the ``metrics``.
    """

    name: str
    groups: frozenset[str] | None
    scopes: frozenset[str]

    @property
    def where(self) -> Filter | None:
        """The filter that all of their searches carry; None where they may read everything."""
        return None if self.groups is None else readable_by(self.groups)

    @property
    def digest(self) -> str:
        """A name for files: tells principals apart and says nothing of them."""
        return hashlib.blake2b(self.name.encode(), digest_size=16, person=b"rag.principal").hexdigest()

    def check(self, scope: Scope) -> None:
        """Refuse what is not among the scopes.

        Raises
        ------
        Forbidden
            It is not.
        """
        if scope not in self.scopes:
            raise Forbidden(f"this key may not do that: it has no scope {scope!r}; whoever runs the server gives it")


EVERYBODY = Principal("everybody", None, frozenset({"read", "feedback", "review", "metrics"}))
"""Whoever reaches a server that does not tell its readers apart."""
SERVER = Principal("server", None, SCOPES)
"""The server itself, for what it does by itself."""


def principal_of(connection: HTTPConnection) -> Principal:
    """Return who sent a request, which the guard has found out; without it there is no answer at all."""
    found = connection.scope[_PLACE]
    assert isinstance(found, Principal)  # noqa: S101 - nothing else sets it
    return found


def place(scope: Any, principal: Principal) -> None:  # noqa: ANN401 - of ASGI
    """Say who sent a request."""
    scope[_PLACE] = principal


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, by which it is looked up; keys are long and random, so it needs no salt."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_key(text: str) -> bool:
    """Whether a text is long enough, and of letters that a header can carry."""
    return len(text) >= LEAST and text.isascii() and text.isprintable() and " " not in text


def read_keys(file: Path) -> dict[str, Principal]:
    """Read the principals of a TOML file, by the digests of their keys.

    Each table is a principal: its ``key``, or ``key_sha256`` of it, its ``groups``, and its ``scopes`` (``read`` where
    none are given).

    Raises
    ------
    InvalidInput
        The file cannot be read, or says something else; the message names the table.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"cannot read the keys of {file}: {error}") from error
    if not tables:
        raise InvalidInput(f"{file} names nobody: give a table for each reader, such as [ann]")
    found: dict[str, Principal] = {}
    for name, table in tables.items():
        digest, principal = _read(f"{file}, [{name}]", name, table)
        if digest in found:
            raise InvalidInput(f"{file}: {found[digest].name} and {name} have the same key")
        found[digest] = principal
    return found


class KeysFile(Mapping[str, Principal]):
    """The principals of a file as it is now: whoever is taken out of it is refused from the next request on.

    A file that has become unreadable or wrong leaves the keys as they were, with an error in the log: a slip of the
    pen must not lock everybody out.

    Raises
    ------
    InvalidInput
        As `read_keys`, when it is made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = self._stamp()
        self._keys = read_keys(file)

    def __getitem__(self, digest: str) -> Principal:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._keys = read_keys(self._file)
            except InvalidInput as error:
                _log.error("%s; the keys that were read before it still hold", error)
        return self._keys[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _read(place: str, name: str, table: Any) -> tuple[str, Principal]:  # noqa: ANN401 - of TOML
    if not isinstance(table, Mapping) or not set(table) <= _FIELDS:
        raise InvalidInput(f"{place}: a reader is a table of {', '.join(sorted(_FIELDS))}")
    groups = _texts(place, "groups", table.get("groups", []))
    scopes = _texts(place, "scopes", table.get("scopes", ["read"]))
    if not scopes <= SCOPES:
        raise InvalidInput(f"{place}: scopes are {', '.join(sorted(SCOPES))}, not {', '.join(sorted(scopes - SCOPES))}")
    if not groups and "read" in scopes:
        raise InvalidInput(f'{place}: give groups = ["..."], those of rag ingest --acl, or ["{ALL_GROUPS}"] for all')
    return _digest(place, table), Principal(name, None if ALL_GROUPS in groups else groups, scopes)


def _texts(place: str, field: str, value: Any) -> frozenset[str]:  # noqa: ANN401 - of TOML
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{place}: {field} is a list of texts")
    return frozenset(value)


def _digest(place: str, table: Mapping[str, Any]) -> str:
    key, digest = table.get("key"), table.get("key_sha256")
    if (key is None) == (digest is None):
        raise InvalidInput(f"{place}: give key or key_sha256")
    if key is not None:
        if not isinstance(key, str) or not is_key(key):
            raise InvalidInput(f"{place}: a key has at least {LEAST} letters, such as: openssl rand -hex 32")
        return digest_of(key)
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise InvalidInput(f"{place}: key_sha256 has 64 small hexadecimal digits: printf %s KEY | sha256sum")
    return digest
