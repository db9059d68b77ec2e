"""Results of loading: files found, documents parsed, and failures with their reasons."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..documents.account import Account, Kind
from ..documents.boxes import Box
from ..documents.document import ACL, Field, Metadata, Scalar, clean_text, composed, metadata_fields
from ..documents.sections import Section
from ..errors import InvalidInput
from .errors import Reason
from .reading import file_sha256

_SKIPS = frozenset({"empty", "outside", "special", "type"})


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A file, or a member of one, that did not become a document.

    Attributes
    ----------
    source
        As in `Document.source`; a member of a container adds ``#member``.
    reason_class
        One word to count by, see `Reason`.
    detail
        A sentence for people: what is wrong and, if possible, what to do.
    loader
        Format name of the parser that gave up; empty when none was reached.
    """

    source: str
    reason_class: Reason
    detail: str
    loader: str = ""

    @property
    def skipped(self) -> bool:
        """True if nothing went wrong: the file just is not something that can be read as text."""
        return self.reason_class in _SKIPS

    def __str__(self) -> str:
        return f"{self.source}: {self.reason_class}: {self.detail}"


@dataclass(frozen=True)
class Found:
    """A file to load.

    Attributes
    ----------
    path
        Absolute real path to open; may hold surrogate escapes, unlike ``location``.
    source
        The path as the user wrote it, normalised: the name the file goes by in a knowledge base.
    size, modified
        Bytes, and seconds since the epoch, at the time of discovery.
    type
        Format name, decided by the suffix, or by the first bytes where the suffix says nothing.
    meta
        Metadata of the user's for every document of this file.
    """

    path: str
    source: str
    size: int
    modified: float
    type: str
    meta: Metadata = field(default_factory=dict)

    @property
    def location(self) -> str:
        """Absolute real path as well-formed text, spelled as the file system does."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes now, read on first use; raises OSError."""
        return file_sha256(self.path)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One document as a parser sees it: no origin yet.

    Attributes
    ----------
    member
        The part of the document's id after ``#``; empty for a file that is one document.
    left_out
        Text of the file that is not in the document, by `rag.documents.account.Kind`.
    remarks
        Sentences about the file, for people.
    account
        Made of these by `accounting`, not by a parser.
    inner
        It comes from a member of a container, which is a file of its own.
    """

    text: str
    title: str = ""
    type: str = ""
    sections: tuple[Section, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    member: str = ""
    left_out: Mapping[Kind, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    account: Account = field(default_factory=Account)
    inner: bool = False
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A member that a parser could not read; the file's other members still go in."""

    member: str
    reason_class: Reason
    detail: str
    loader: str = ""


def printable(path: str) -> str:
    r"""Return a path as well-formed Unicode, accents composed: bytes that are not UTF-8 become ``\xNN``."""
    if path.isascii():
        return path
    return composed(os.fsencode(path).decode("utf-8", "backslashreplace"))


def metadata_of(fields: Mapping[Any, object]) -> dict[str, Field]:
    """Return the fields of a file as metadata, see `rag.documents.document`; leave out what cannot be one.

    A number that is not finite, or too large, stays for `clean_fields`; an empty list says nothing.
    """
    kept: dict[str, Field] = {}
    for key, value in fields.items():
        if isinstance(value, int | float):
            kept[str(key)] = value
        elif isinstance(value, list | tuple) and all(isinstance(each, str | int | float) for each in value):
            kept |= {str(key): list(value)} if value else {}
        else:
            with suppress(InvalidInput):
                kept |= metadata_fields({str(key): value})
    return kept


def clean_fields(fields: Metadata) -> dict[str, Field]:
    """Make a file's metadata storable: strings cleaned as text is, numbers finite and of 64 bits.

    A file does not say who may read it.
    """
    return {clean_text(key): _clean_field(value) for key, value in fields.items() if clean_text(key) != ACL}


def _clean_field(value: Field) -> Field:
    if isinstance(value, list | tuple):
        return [kept for each in value if (kept := _clean(each)) is not None]
    return _clean(value)  # type: ignore[arg-type] # a sequence is a list or tuple


def _clean(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return clean_text(value).strip()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value) if value.bit_length() < 1000 else "a very large number"
    return value
