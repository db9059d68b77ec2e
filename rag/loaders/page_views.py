"""Pages of PDF files as pictures, and the places of spans on them, made in a process that can be killed."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..documents.document import Document
from ..documents.sections import Section, sections_within
from ..errors import Busy, CannotShow, FileChanged
from .frames import Message
from .limits import ParseLimits
from .pdf_rectangles import Rectangle, has_letters
from .pdf_view import CHANGED
from .pool import Pool
from .results import Found

_MOST_WAITING = 8
"""Each waits in a thread of its own, of which a server has forty."""
_LIMITS = ParseLimits(seconds=10.0)
_ENDED = {"timeout": "it takes too long", "memory": "it takes too much memory"}
_PARTED = "\n"


@dataclass(frozen=True, slots=True)
class PageMarks:
    """Where a span of a document is on one page.

    Attributes
    ----------
    page
        1-based.
    how
        ``exact``: the rectangles hold the span and nothing else; ``lines``: they are the lines, read by OCR, that the
        span touches; ``none``: the place is not certain, so there is none.
    rectangles
        In shares of the page as it is shown.
    """

    page: int
    how: Literal["exact", "lines", "none"]
    rectangles: tuple[Rectangle, ...] = ()


class PageViews:
    """Looks at PDF files one at a time, in a child process of its own that starts with the first look.

    Parameters
    ----------
    limits
        Processor time and memory for each look.
    """

    def __init__(self, limits: ParseLimits = _LIMITS) -> None:
        self._pool = Pool(workers=1, limits=limits)
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)

    def close(self) -> None:
        """End the child process."""
        with self._turn:
            self._pool.close()

    def picture(self, document: Document, page: int, *, width: int) -> bytes:
        """Return a page as a PNG of about that width.

        Raises
        ------
        FileChanged
            The file is no longer the one that was read.
        CannotShow
            It is no PDF file on this machine, cannot be read, or has no such page.
        Busy
            Too many wait.
        """
        (found,) = self._views(document, {"page": page, "width": width})
        return base64.b64decode(str(found["png"]))

    def marks(self, document: Document, start: int, end: int) -> list[PageMarks]:
        """Return where a span of the document's text is, for each page that it is on.

        Raises
        ------
        FileChanged, CannotShow, Busy
            As `picture`.
        """
        _check(document)
        touched = list(dict.fromkeys(each.page for each in sections_within(document.sections, start, end)))
        spans = [_span(document, number, start, end) for number in touched if number is not None]
        spans = [span for span in spans if has_letters(span[1][span[2] : span[3]])]
        found = list(self._views(document, {"spans": spans})) if spans else []
        return [_marks(document, span[0], each, start, end) for span, each in zip(spans, found, strict=True)]

    def _views(self, document: Document, asked: Message) -> Iterator[Message]:
        _check(document)
        if not self._waiting.acquire(blocking=False):
            raise Busy(f"{_MOST_WAITING} pages wait to be shown, as many as may: ask again in a moment")
        try:
            with self._turn:
                job = self._pool.submit(_found(document), view={**asked, "sha256": document.source_sha256})
                self._pool.wait(job)
        finally:
            self._waiting.release()
        if job.error is not None:
            error = FileChanged if job.error.detail == CHANGED else CannotShow
            raise error(f"the page cannot be shown: {_ENDED.get(job.error.reason, job.error.detail)}")
        return iter([each for each in job.messages if each["kind"] == "view"])


def _check(document: Document) -> None:
    if document.type != "pdf" or not document.location:
        raise CannotShow("only the pages of PDF files can be shown")
    if document.id != document.source:
        raise CannotShow("it is inside of another file; its text is all that can be shown")


def _found(document: Document) -> Found:
    try:
        facts = Path(document.location).stat()
    except OSError as error:
        raise CannotShow("the page cannot be shown: the file is gone, or may not be read") from error
    return Found(document.location, document.source, facts.st_size, facts.st_mtime, "pdf")


def _span(document: Document, page: int, start: int, end: int) -> tuple[int, str, int, int]:
    """Return a page's number, its text, and which characters of that are in the span.

    Sections of a page need not follow one another: a repeated header goes where it splits no sentence.
    """
    parts = [each for each in document.sections if each.page == page]
    text = _PARTED.join(document.text[each.start : each.end] for each in parts)
    return page, text, _at(parts, start, last=False), _at(parts, end, last=True)


def _at(parts: Sequence[Section], place: int, *, last: bool) -> int:
    """Return where a place of the document is in the joined text of some sections; one between them is at an edge."""
    at = found = 0
    for each in parts:
        if each.start < place if last else each.end <= place:
            found = at + (min(each.end, place) - each.start if last else each.end - each.start + len(_PARTED))
        elif not last and each.start <= place:
            return at + place - each.start
        at += each.end - each.start + len(_PARTED)
    return found


def _marks(document: Document, page: int, found: dict[str, Any], start: int, end: int) -> PageMarks:
    if found["rectangles"]:
        return PageMarks(page, "exact", tuple(tuple(each) for each in found["rectangles"]))
    lines = [each for each in document.boxes if each.page == page and each.start < end and each.end > start]
    sides = tuple((each.left, each.top, each.right, each.bottom) for each in lines)
    return PageMarks(page, "lines" if sides else "none", sides)
