"""PDF: pages, titles, bookmarks, line ends."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.pdf_pages import rejoin


def test_pages_and_title(read, maker):
    parsed = read(maker.pdf(["First page."], [], ["Third page."], title="Port results"), "a.pdf")
    assert parsed.text == "First page.\n\nThird page."
    assert [(s.page, parsed.text[s.start : s.end]) for s in parsed.sections] == [(1, "First page."), (3, "Third page.")]
    assert parsed.title == "Port results"
    assert parsed.metadata == {"pages": 3}


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - x.doc", "scan.pdf", ""])
def test_garbage_titles(read, maker, title):
    assert read(maker.pdf(["Text."], title=title), "annual-report.pdf").title == "annual report"


def test_bookmarks_become_headings(read, maker):
    # Objects 4 and 5 are the content and the page; 6 to 8 the outline's root and its two entries.
    data = maker.pdf(["Opening words.", "1 Methods", "We counted.", "2 Results", "Many."], extra="/Outlines 6 0 R")
    cut = data.index(b"xref")
    outline = (
        b"6 0 obj\n<< /First 7 0 R /Last 8 0 R /Count 2 >>\nendobj\n"
        b"7 0 obj\n<< /Title (Methods) /Parent 6 0 R /Next 8 0 R /Dest [5 0 R /Fit] >>\nendobj\n"
        b"8 0 obj\n<< /Title (Results) /Parent 6 0 R /Dest [5 0 R /Fit] >>\nendobj\n"
    )
    parsed = read(data[:cut] + outline + b"trailer << /Root 1 0 R /Size 9 >>\n%%EOF\n", "a.pdf")
    assert [(s.heading, parsed.text[s.start : s.end]) for s in parsed.sections] == [
        ((), "Opening words."),
        (("Methods",), "1 Methods\nWe counted."),
        (("Results",), "2 Results\nMany."),
    ]


def test_lines_of_a_paragraph_are_joined():
    page = "A long line that runs on to the very edge of the pa\ufffe\r\nper and then goes\r\non.\r\nNext."
    assert rejoin(page) == "A long line that runs on to the very edge of the paper and then goes on.\nNext."


def test_list_items_begin_a_line():
    page = "• item one that is a rather long line of this page here\n• item two\nend"
    assert rejoin(page) == page


def test_tables_keep_their_rows():
    page = "Zone one 12553 2713 2632 337 88\nZone two 12553 2713 2632 337 88\nZone three 1255 271 263 33 8"
    assert rejoin(page) == page


def test_without_text_and_broken_and_encrypted(read, maker):
    with pytest.raises(LoadError, match="needs OCR") as empty:
        read(maker.pdf([]), "a.pdf")
    with pytest.raises(LoadError, match="not a readable PDF") as broken:
        read(b"%PDF-1.4 garbage", "a.pdf")
    locked = maker.pdf(["x"]).replace(
        b"trailer <<", b"trailer << /ID [(a) (b)] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4"
        b" /O (01234567890123456789012345678901) /U (01234567890123456789012345678901) >>"
    )  # fmt: skip
    with pytest.raises(LoadError, match="password") as encrypted:
        read(locked, "a.pdf")
    assert [e.value.reason for e in (empty, broken, encrypted)] == ["empty", "parse", "encrypted"]
