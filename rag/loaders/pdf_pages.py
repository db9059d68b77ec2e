"""PDF files, by pypdfium2 (PDFium, BSD): text page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext, Untyped
from .results import Parsed

MAX_PAGES = 10_000
_MAX_OUTLINE = 2000
_DEEPEST = 3
_SHORTEST_FULL = 40
_BULLET = re.compile(r"[•▪●◦‣–—*-]\s|\(?[\dA-Za-z]{1,3}[.)]\s|\[\d+\]")


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a PDF, page by page; raises LoadError if it is encrypted or broken."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        count = len(pdf)
    except pypdfium2.PdfiumError:
        # PDFium's error code may be left over from another file; the trailer's entry is this file's own.
        if b"/Encrypt" in data:
            raise LoadError("encrypted", "needs a password; save it without one and ingest that") from None
        raise LoadError("parse", "not a readable PDF: broken beyond repair") from None
    if count > MAX_PAGES:
        raise LoadError("limit", f"{count} pages; PDFs of up to {MAX_PAGES} are read")
    outline = _outline(pdf)
    draft = Draft(context.budget)
    unread = 0
    for number in range(count):
        try:
            text = rejoin(_page_text(pdf, number))
        except pypdfium2.PdfiumError:
            unread += 1
            continue
        draft.page(number + 1)
        _add_page(text, outline.get(number, []), draft)
    if count and unread == count:
        raise LoadError("parse", f"none of its {count} pages can be read")
    text, sections = draft.finish()
    if not text:
        raise LoadError("empty", f"no text on its {count} pages; a scan needs OCR first")
    metadata: dict[str, str | int] = {"pages": count}
    if unread:
        metadata["unread_pages"] = unread
    if author := first_title(pdf.get_metadata_value("Author")):
        metadata["author"] = author
    title = first_title(pdf.get_metadata_value("Title"), context.stem_title)
    yield Parsed(text, title, sections=sections, metadata=metadata)


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


def _add_page(text: str, marks: list[tuple[int, str]], draft: Draft) -> None:
    """Add a page's text; a line with the words of a bookmark to this page is a heading."""
    levels = {_letters(title): (level, title) for level, title in marks}
    block: list[str] = []
    for line in text.split("\n"):
        if mark := levels.pop(_letters(line), None) if levels else None:
            draft.block("\n".join(block), gap="\n")
            block.clear()
            draft.heading(mark[1], mark[0], shown=line)
        else:
            block.append(line)
    draft.block("\n".join(block), gap="\n")


def _letters(text: str) -> str:
    """Return the letters only, since numbering, spaces and dashes differ between bookmark and page."""
    return "".join(filter(str.isalpha, text)).lower()


def _page_text(pdf: Untyped, number: int) -> str:
    page = pdf[number]
    try:
        textpage = page.get_textpage()
        try:
            text: str = textpage.get_text_bounded()
        finally:
            textpage.close()
    finally:
        page.close()
    return text


def rejoin(text: str) -> str:
    """Undo effects of a page's layout: hyphens at line ends, and line ends inside paragraphs.

    PDFium marks a hyphen at a line's end by U+FFFE or U+0002. A line that is nearly as long as the page's long lines
    goes on in the next one, unless that begins like a list item or either looks like a row of a table.
    """
    text = re.sub("[\ufffe\x02]\r?\n?", "", text).replace("\u00ad", "")
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lengths = sorted(map(len, lines))
    full = 0.75 * lengths[int(0.9 * (len(lengths) - 1))]
    out: list[str] = []
    open_line = False
    for line in lines:
        if open_line and line and not _BULLET.match(line) and not _tabular(line):
            out.append(" " + line)
        else:
            out.append("\n" + line)
        open_line = len(line) >= max(full, _SHORTEST_FULL) and not _tabular(line)
    return "".join(out).strip("\n")


def _tabular(line: str) -> bool:
    return sum(map(str.isdecimal, line)) > 0.3 * len(line)
