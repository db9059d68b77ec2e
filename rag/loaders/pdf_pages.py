"""PDF files, by pypdfium2 (PDFium, BSD): text page by page, form values and notes with it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from ..documents.document import Field
from .dates import iso_date
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext, Untyped
from .ocr import INSTALL, LONGEST, Picture, Reading, available, read_picture, with_boxes
from .pdf_accents import with_accents
from .pdf_forms import has_content, marks
from .pdf_lines import HYPHEN, Hyphens, page_lines, rejoin, runs_on
from .pdf_scripts import with_scripts, written_lines
from .results import Parsed
from .running_lines import running_lines
from .scripts import MARKS

MAX_PAGES = 10_000
_MAX_OUTLINE = 2000
_DEEPEST = 3
_SCALE = 150 / 72  # pixels a point of a page that is read by OCR
_OCR_SHARE = 0.7
_ADVICE = f"; {INSTALL} reads scans"
_INVISIBLE = re.compile(rf"[\s\x00-\x1f\ufffe{MARKS}]+")
_UNNAMED = re.compile(r"[\x01\x03-\x08\x0b\x0c\x0e-\x1f]")
_SAMPLED, _LEVEL = 200, 0.1  # characters, radians
_BLANK = 0.01  # height of a glyph to its width
_HYPHENATED = re.compile(r"[^\W_][-\u2010]$")
_PARTED = "\n\n"


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a PDF, page by page; raises LoadError if it is encrypted or broken."""
    pdf = opened(data)
    count = len(pdf)
    pages = [_read_page(pdf, number) for number in range(count)]
    unread = [page.number for page in pages if page.lines is None]
    if count and len(unread) == count:
        raise LoadError("parse", f"none of its {count} pages can be read")
    blank = [page for page in pages if page.blank]
    draft = Draft(context.budget)
    readings = _recognise(pdf, blank, draft, context)
    metadata: dict[str, Field] = {"pages": count}
    if readings:
        metadata["ocr_pages"] = list(readings)
        metadata["ocr_confidence"] = [round(each.confidence, 3) for each in readings.values()]
    _Writer(draft, pages, _outline(pdf)).write()
    if unread:
        metadata["unread_pages"] = len(unread)
        draft.remark(_named(unread, "cannot be read/cannot be read"))
    if author := first_title(pdf.get_metadata_value("Author")):
        metadata["author"] = author
    if created := iso_date(pdf.get_metadata_value("CreationDate")):
        metadata["date"] = created
    parsed = draft.parsed(first_title(pdf.get_metadata_value("Title"), context.stem_title), metadata)
    if not parsed.text:
        raise LoadError("empty", f"no text on its {count} pages{_ADVICE * (not available())}")
    yield with_boxes(parsed, readings)


@dataclass
class _Page:
    """A page as it is read; ``lines`` is None if it cannot be."""

    number: int
    lines: list[str] | None
    marks: list[str] = field(default_factory=list)
    unseen: str = ""
    blank: bool = False
    bare: str = ""  # its text before accents were joined to their letters


def opened(data: bytes) -> Untyped:
    """Return the PDF; raises LoadError if it is encrypted, broken, or too long."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        count = len(pdf)
        pdf.init_forms()
    except pypdfium2.PdfiumError:
        # PDFium's error code may be left over from another file; the trailer's entry is this file's own.
        if b"/Encrypt" in data:
            raise LoadError("encrypted", "needs a password; save it without one and ingest that") from None
        raise LoadError("parse", "not a readable PDF: broken beyond repair") from None
    if count > MAX_PAGES:
        raise LoadError("limit", f"{count} pages; PDFs of up to {MAX_PAGES} are read")
    return pdf


def _read_page(pdf: Untyped, index: int) -> _Page:
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return _Page(index + 1, None)
    try:
        textpage = page_text(page)
        text, unseen = _shown_text(textpage)
        joined = text if unseen else with_accents(text, textpage)
        whole, bare = written_lines(joined), "" if joined == text else written_lines(text)
        lines = [line for line in page_lines(whole) if line]
        said = list(marks(pdf, page, textpage))
        textpage.close()
        blank = not lines and not said and has_content(page)
        return _Page(index + 1, lines, said, unseen, blank=blank, bare=bare)
    except pypdfium2.PdfiumError:
        return _Page(index + 1, None)
    finally:
        page.close()


def page_text(page: Untyped) -> Untyped:
    """Return a page's text; lines that are level on a page that lies on its side are read before it is laid so.

    PDFium sorts lines by where they are shown, and lines that stand upright then come in any order.
    """
    from pypdfium2.raw import FPDFText_GetCharAngle

    textpage, turned = page.get_textpage(), page.get_rotation()
    count = textpage.count_chars()
    if turned and count:
        sample = range(0, count, count // _SAMPLED + 1)
        level = sum(abs(FPDFText_GetCharAngle(textpage, i)) < _LEVEL for i in sample)
        if 2 * level > len(sample):
            textpage.close()
            page.set_rotation(0)
            textpage = page.get_textpage()
            page.set_rotation(turned)
    return textpage


def _recognise(pdf: Untyped, blank: list[_Page], draft: Draft, context: ParseContext) -> dict[int, Reading]:
    """Read pages without text by OCR as long as time suffices, and remark on those that are left."""
    read: dict[int, Reading] = {}
    end = time.process_time() + _OCR_SHARE * context.seconds
    for page in blank if available() else ():
        if time.process_time() > end:
            draft.remark("there was no time to read more pages by OCR; allow more seconds (--parse-seconds)")
            break
        if context.enter(f"{context.prefix}page {page.number}"):
            reading = read_picture(_picture(pdf, page.number - 1))
            page.lines, page.blank = list(reading.lines), not reading.lines
            read |= {page.number: reading} if reading.lines else {}
    if left := [page.number for page in blank if page.blank]:
        draft.remark(f"{_named(left, 'holds no text/hold no text')}{_ADVICE * (not available())}")
    if read:
        sure = sum(each.confidence for each in read.values()) / len(read)
        said = _named(list(read), "was read by OCR/were read by OCR")
        draft.remark(f"{said}, with a confidence of {sure:.2f} on average")
    return read


def _picture(pdf: Untyped, index: int) -> Picture:
    page = pdf[index]
    scale = min(_SCALE, LONGEST / max(page.get_size()))
    picture = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False).to_numpy()[:, :, :3]
    page.close()
    return np.ascontiguousarray(picture)


def _shown_text(textpage: Untyped) -> tuple[str, str]:
    """Return a page's text, and the same with what stands beyond the page's edges, if there is any.

    PDFium keeps words apart better where it is not asked for what lies within the edges.
    """
    text, shown = with_scripts(textpage.get_text_range(), textpage), textpage.get_text_bounded()
    if _UNNAMED.search(shown):
        text, shown = _with_gaps(text, textpage), _UNNAMED.sub(" ", shown)
    return (text, "") if _INVISIBLE.sub("", text) == _INVISIBLE.sub("", shown) else (shown, written_lines(text))


def _with_gaps(text: str, textpage: Untyped) -> str:
    """Return text with spaces for blank glyphs that a font names by no character: PDFium drops them and glues words."""
    from pypdfium2.raw import FPDFText_GetUnicode

    gaps, seen = set(), 0
    for i in range(textpage.count_chars()):
        letter = chr(FPDFText_GetUnicode(textpage, i))
        left, bottom, right, top = textpage.get_charbox(i) if _UNNAMED.match(letter) else (0, 0, 0, 0)
        if top - bottom < _BLANK * (right - left):
            gaps.add(seen)
        seen += not _INVISIBLE.match(letter)
    parts, seen = [], 0
    for letter in _UNNAMED.sub("", text):
        if not _INVISIBLE.match(letter):
            if seen in gaps:
                parts.append(" ")
            seen += 1
        parts.append(letter)
    return "".join(parts)


def _named(numbers: list[int], verbs: str) -> str:
    """Return ``page 3 holds`` or ``pages 1-4 and 7 hold``."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    named = [n for a, *b in spans for n in ([f"{a}-{b[0]}"] if b and b[0] > a + 1 else [str(a), *map(str, b)])]
    shown = ", ".join(named[:-1]) + " and " + named[-1] if len(named) > 1 else named[0]
    one, several = verbs.split("/")
    return f"pages {shown} {several}" if len(numbers) > 1 else f"page {shown} {one}"


class _Writer:
    """Writes the pages into a draft: sentences run on over their ends, running lines stand there once."""

    def __init__(self, draft: Draft, pages: list[_Page], outline: dict[int, list[tuple[int, str]]]) -> None:
        self._draft = draft
        self._pages = pages
        self._outline = outline
        self._hyphens = Hyphens("\n".join(page.lines or ()) for page in pages)
        self._unsaid: dict[str, tuple[int, str]] = {}
        self._said: set[str] = set()

    def write(self) -> None:
        found = running_lines([page.lines or [] for page in self._pages])
        bodies = [
            [line for i, line in enumerate(page.lines or []) if i not in running]
            for page, running in zip(self._pages, found, strict=True)
        ]
        gap = _PARTED
        for page, running, body, following in zip(self._pages, found, bodies, [*bodies[1:], []], strict=True):
            self._draft.page(page.number, parted=gap == _PARTED)
            lines = [(key, (page.lines or [])[i]) for i, key in running.items()]
            if page.number == 1:
                self._say(lines)
                self._draft.part()
            self._draft.leave_out("hidden", page.unseen)
            self._draft.leave_out("markup", page.bare)
            if body and following and _HYPHENATED.search(body[-1]):  # PDFium marks no hyphen that ends a page
                body[-1] = body[-1][:-1] + HYPHEN
            goes_on = runs_on(body, following)
            text = rejoin(body)
            ending = self._hyphens.ending(text, following[0]) if goes_on else None
            _add_page(self._hyphens.mend(ending or text), self._outline.get(page.number - 1, []), self._draft, gap)
            gap = _PARTED if not goes_on else " " if ending is None else ""
            for said in page.marks:
                self._draft.block(said, gap="\n\n" if said is page.marks[0] else "\n")
            self._pass(page.number, lines) if goes_on else self._say(lines)
        for number, line in self._unsaid.values():
            self._draft.page(number)
            self._draft.block(line)

    def _say(self, lines: list[tuple[str, str]]) -> None:
        """Add running lines that have not been added, and leave out the others."""
        for key, line in lines:
            if not key or key in self._said:
                self._draft.leave_out("header-footer", line)
                continue
            self._said.add(key)
            self._unsaid.pop(key, None)
            self._draft.block(line)

    def _pass(self, number: int, lines: list[tuple[str, str]]) -> None:
        """Leave running lines out here, where they would split a sentence; a later page may have them too."""
        for key, line in lines:
            self._draft.leave_out("header-footer", line)
            if key and key not in self._said:
                self._unsaid.setdefault(key, (number, line))


def _outline(pdf: Untyped) -> dict[int, list[tuple[int, str]]]:
    """Return the bookmarks by 0-based page: their levels from 1, and titles."""
    entries: dict[int, list[tuple[int, str]]] = {}
    for mark in islice(pdf.get_toc(max_depth=_DEEPEST), _MAX_OUTLINE):
        target = mark.get_dest()
        page = target.get_index() if target else None
        title = " ".join(mark.get_title().split())
        if page is not None and title:
            entries.setdefault(page, []).append((mark.level + 1, title))
    return entries


def _add_page(text: str, marks: list[tuple[int, str]], draft: Draft, gap: str) -> None:
    """Add a page's text after a gap; a line with the words of a bookmark to this page is a heading."""
    levels = {_letters(title): (level, title) for level, title in marks}
    block: list[str] = []
    for line in text.split("\n"):
        if mark := levels.pop(_letters(line), None) if levels else None:
            draft.block("\n".join(block), gap=gap)
            block.clear()
            draft.heading(mark[1], mark[0], shown=line)
            gap = "\n"
        else:
            block.append(line)
    draft.block("\n".join(block), gap=gap)


def _letters(text: str) -> str:
    """Return the letters only, since numbering, spaces and dashes differ between bookmark and page."""
    return "".join(filter(str.isalpha, text)).lower()
