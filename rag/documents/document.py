"""Documents and chunks, queries, and the passages that a search returns."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .account import Account
from .boxes import Box, box_rows
from .sections import Section, section_at, section_rows

Scalar = str | int | float | bool | None
Field = Scalar | Sequence[str | int | float | bool]
"""A metadata value: one, or several of which a filter's test may hold for any."""

Metadata = Mapping[str, Field]
ACL = "acl"
"""Metadata key of the groups that may read a document: whoever adds it gives them. A file cannot, see `rag.load`."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its origin.

    Attributes
    ----------
    id
        Unique in a knowledge base. Files use their source name; members of a container add ``#member``.
    text
        Well-formed Unicode: no NUL, no lone surrogates.
    source
        Name of the file the document came from, as the user wrote it; the unit that ``remove`` takes.
    title
        Title for people and for what is embedded; may be empty.
    type
        Short format name: ``md``, ``pdf``, ``html``, ``python`` ...
    sections
        Spans of the text with their headings and pages.
    metadata
        The user's own fields (front matter, ``--meta``) and what the format declares.
    modified
        Modification time of the source, seconds since the epoch.
    source_sha256
        SHA-256 of the source file's bytes; of the text if there is no file.
    location
        Absolute path of the source file; empty if there is none.
    account
        What of the file is not in the text. The last of a source's documents carries what belongs to them all.
    boxes
        Where on their pages the lines stand that were read by OCR, in the order of the text.
    """

    id: str
    text: str
    source: str = ""
    title: str = ""
    type: str = "text"
    sections: tuple[Section, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    modified: float | None = None
    source_sha256: str = ""
    location: str = ""
    account: Account = field(default_factory=Account)
    boxes: tuple[Box, ...] = ()

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        id: str,  # noqa: A002
        title: str = "",
        source: str = "",
        type: str = "text",  # noqa: A002
        page: int | None = None,
        heading: Sequence[str] = (),
        modified: float | date | str | None = None,
        **metadata: object,
    ) -> Document:
        """Make a document of a string.

        Parameters
        ----------
        id, title, type
            As in `Document`.
        source
            The unit that ``remove`` takes; the id where empty.
        page, heading
            Of the whole text, for filters and citations.
        modified
            Seconds since the epoch, or a date; one without a time zone is in UTC.
        **metadata
            Any other field, see `metadata_fields`. A ``url`` is shown with citations.

        Raises
        ------
        InvalidInput
            A field is of the wrong type, or has the name of one that this function does not take.

        Examples
        --------
        >>> Document.from_text("Tea at 80 degrees.", id="tea", page=3, author="Ann", day=date(2026, 1, 2)).metadata
        {'author': 'Ann', 'day': '2026-01-02'}
        """
        clean = clean_text(text)
        if "document" in metadata:
            raise InvalidInput("document is the name that filters give to a document's id; give it as id=")
        place = (page is not None or heading) and clean
        return cls(
            id=id,
            text=clean,
            source=source or id,
            title=title,
            type=type,
            sections=(Section(0, len(clean), _path(heading), _page(page)),) if place else (),
            metadata=metadata_fields(metadata),
            modified=_seconds(modified),
            source_sha256=hashlib.sha256(clean.encode()).hexdigest(),
        )

    def digest(self) -> str:
        """SHA-256 over what is searched and cited: documents with equal digests are not ingested again."""
        parts = [self.id, self.text, self.source, self.title, self.type, dict(self.metadata)]
        places = [section_rows(self.sections), *([box_rows(self.boxes)] if self.boxes else ())]
        payload = json.dumps([*parts, *places], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(payload.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document that is embedded and searched as one.

    ``document.text[chunk.start:chunk.end] == chunk.text``, always.
    """

    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk as a search returns it.

    Attributes
    ----------
    rank
        1-based place in the result.
    score
        Fused score, higher is better; comparable within one result only.
    chunk
        Id of the chunk in the knowledge base, the id its vectors carry in every index.
    document, source, title, type, metadata
        As in `Document`.
    start, end
        Character offsets of ``text`` in the document.
    scores
        Score of this chunk by each search (``dense``, ``terms``).
    sections
        The document's sections that ``text`` touches, where ``heading`` and ``page`` do not say it all: they are those
        of the passage's beginning.
    """

    rank: int
    score: float
    chunk: int
    document: str
    source: str
    start: int
    end: int
    text: str
    title: str = ""
    type: str = "text"
    heading: tuple[str, ...] = ()
    page: int | None = None
    metadata: Metadata = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()

    def section_at(self, offset: int) -> Section:
        """Return the place of a character of ``text``."""
        at = self.start + offset
        return section_at(self.sections, at) or Section(self.start, self.end, self.heading, self.page)


_DEEPEST, _MOST = 8, 2_000
"""Limits of metadata: levels of nesting, and fields. YAML's aliases can repeat a value without end."""


def metadata_fields(fields: Mapping[str, object]) -> dict[str, Field]:
    """Return fields as metadata, which filters can compare.

    A date becomes ISO text, one with a time zone in UTC; the fields of a nested mapping get dotted names, such as
    ``author.name``; a set is a sorted list.

    Raises
    ------
    InvalidInput
        A value is none of these, nor a text, a finite number, a bool, None, or a list of them; or the fields are too
        many or nested too deep.
    """
    flat: dict[str, Field] = {}
    for key, value in _flat(fields, "", 1):
        flat[key] = value
        if len(flat) > _MOST:
            raise InvalidInput(f"more than {_MOST:,} metadata fields; put what is long into the text")
    return flat


def _flat(fields: Mapping[Any, object], prefix: str, depth: int) -> Iterator[tuple[str, Field]]:
    for key, value in fields.items():
        if not isinstance(key, str) and not prefix:
            raise InvalidInput(f"the metadata key {key!r} is not a text")
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if depth == _DEEPEST:
                raise InvalidInput(f"metadata {name!r} is nested deeper than {_DEEPEST} levels")
            yield from _flat(value, f"{name}.", depth + 1)
        elif isinstance(value, list | tuple):
            yield name, [_scalar(name, each) for each in value]
        elif isinstance(value, set | frozenset):
            yield name, sorted((_scalar(name, each) for each in value), key=lambda each: (str(type(each)), each))
        else:
            yield name, _scalar(name, value)


def _scalar(key: str, value: object) -> Any:  # noqa: ANN401 - a scalar, or an element of a list
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    item = value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value  # numpy's
    if item is None or isinstance(item, str | bool):
        return item
    if isinstance(item, int) and -(1 << 63) <= item < 1 << 63:
        return item
    if isinstance(item, float) and math.isfinite(item):
        return item
    shown = repr(item) if isinstance(item, int | float) else f"a {type(item).__name__}"
    raise InvalidInput(
        f"metadata {key!r} is {shown}; give a text, a finite number of 64 bits, a bool, None, a date, a list of these, "
        "or a mapping of names to these"
    )


def _page(page: int | None) -> int | None:
    if page is not None and (isinstance(page, bool) or not isinstance(page, int)):
        raise InvalidInput(f"page={page!r}: a page is a whole number")
    return page


def _path(heading: Sequence[str]) -> tuple[str, ...]:
    path = (heading,) if isinstance(heading, str) else tuple(heading)
    if not all(isinstance(each, str) for each in path):
        raise InvalidInput(f"heading={heading!r}: a heading is a text, or the texts of a path of headings")
    return path


def _seconds(moment: float | date | str | None) -> float | None:
    if isinstance(moment, str):
        with suppress(ValueError):  # of no form that ISO 8601 has: refused below
            moment = datetime.fromisoformat(moment)
    if isinstance(moment, date):
        time = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if moment is not None and (
        isinstance(moment, bool) or not isinstance(moment, int | float) or not math.isfinite(moment)
    ):
        raise InvalidInput(f"modified={moment!r}: give seconds since 1970, or a date such as 2026-03-01")
    return None if moment is None else float(moment)


_SURROGATES = re.compile("[\ud800-\udfff]")


def composed(text: str) -> str:
    """Return a name with its accents composed (NFC), the form in which names and fields are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def clean_text(text: str) -> str:
    r"""Make text storable: lone surrogates become U+FFFD, NUL characters go, line ends become ``\n``."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def context_text(title: str, heading: tuple[str, ...], text: str) -> str:
    """Return the text embedded and indexed for a chunk: title and heading path on one line, then the chunk."""
    path = [part for part in (title, *heading) if part]
    unique = [part for i, part in enumerate(path) if i == 0 or part != path[i - 1]]
    return f"{' > '.join(unique)}\n{text}" if unique else text


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question with the additions of a conversation or a rewriter.

    Attributes
    ----------
    text
        In plain words; embedded, and analysed into terms.
    history
        Earlier questions of the conversation, oldest first; read by rewriters, never searched for themselves.
    terms
        Index terms and their weights, in place of the text's own.
    vector
        float32, shape (dim,), in place of the text's own embedding.
    answer
        The last answer of the conversation, which a question may point back to.
    """

    text: str
    history: tuple[str, ...] = ()
    terms: Mapping[str, float] | None = None
    vector: NDArray[np.float32] | None = None
    answer: str = ""


def as_query(question: str | Query) -> Query:
    """Return a question as a query, its text storable.

    Raises
    ------
    InvalidInput
        It is not a text, or empty.
    """
    query = question if isinstance(question, Query) else Query(question)
    if not isinstance(query.text, str):
        raise InvalidInput(f"a question is a string, not {type(question).__name__}")
    text = clean_text(query.text)
    if not text.strip():
        raise InvalidInput("the question is empty; ask something in words")
    return query if text == query.text else replace(query, text=text)
