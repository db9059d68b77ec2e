"""Documents and chunks, queries, and the passages that a search returns."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .account import Account
from .boxes import Box, box_rows
from .errors import InvalidInput
from .sections import Section, section_at, section_rows

Scalar = str | int | float | bool | None
Field = Scalar | Sequence[str | int | float | bool]
"""A metadata value: one, or several of which a filter's test may hold for any."""

Metadata = Mapping[str, Field]


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
    def from_text(cls, text: str, *, id: str, title: str = "", **metadata: Field) -> Document:  # noqa: A002
        """Make a document of a string; its source is its id."""
        clean = clean_text(text)
        digest = hashlib.sha256(clean.encode()).hexdigest()
        return cls(id=id, text=clean, source=id, title=title, metadata=metadata, source_sha256=digest)

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
    """

    text: str
    history: tuple[str, ...] = ()
    terms: Mapping[str, float] | None = None
    vector: NDArray[np.float32] | None = None


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
