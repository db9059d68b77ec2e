"""PDF: raised and lowered digits keep their value, and their place on the page."""

from __future__ import annotations

import pytest

from rag.loaders.pdf_rectangles import characters_of_span
from rag.loaders.pdf_scripts import with_scripts

pypdfium2 = pytest.importorskip("pypdfium2")


def page(maker, shown: str, font: str = "Helvetica") -> bytes:
    """A page with what a content stream says in a font, 12 points."""
    data = maker.pdf(["x"]).replace(b"Helvetica", font.encode())
    begin, end = data.index(b"BT /F1"), data.index(b"ET", data.index(b"BT /F1")) + 2
    return data[:begin] + f"BT /F1 12 Tf 72 720 Td {shown} ET".encode("cp1252") + data[end:]


def up(text: str, rise: float = 5, size: float = 7) -> str:
    """Text that is raised by its own operator, then what is usual again."""
    return f"{rise} Ts /F1 {size} Tf ({text}) Tj 0 Ts /F1 12 Tf"


@pytest.mark.parametrize("font", ["Helvetica", "Times-Italic", "Courier"])
@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (f"(has 10) Tj {up('6')} ( eels) Tj", "has 10^6 eels"),  # PDFium breaks the line after it
        (f"(has 10) Tj {up('6', 3)} ( eels) Tj", "has 10^6 eels"),  # and here it does not
        (f"(has 10) Tj {up('6', 4, 12)} ( eels) Tj", "has 10^6 eels"),  # raised only
        (f"(10) Tj {up('-9')} ( m) Tj {up('3')} (, x) Tj {up('n+1')} (.) Tj", "10^-9 m^3, x^(n+1)."),
        (f"(5) Tj {up('1')} (/) Tj {up('2', -2)} ( feet) Tj", "5 1/2 feet"),
        (f"(H) Tj {up('2', -2)} (O x) Tj {up('1', -2)} {up('2')} ( at 101) Tj {up('2', -2)}", "H2O x1^2 at 101_2"),
        (f"(R) Tj {up('2')} (/T) Tj {up('2')} (, 10) Tj {up('-9')} ( s, 42) Tj {up('1')}", "R^2/T^2, 10^-9 s, 42^1"),
        (f"(the 1) Tj {up('st')} ( of May) Tj", "the 1st of May"),
        (f"(shut.) Tj {up('3,4')} ( Oars) Tj {up('12')} (; in 2020) Tj", "shut. [3,4] Oars^12; in 2020"),
    ],
)  # fmt: skip
def test_raised_and_lowered(read, maker, font, shown, text):
    parsed = read(page(maker, shown, font), "a.pdf")
    assert parsed.text == text
    assert not parsed.account.unaccounted


@pytest.mark.parametrize(
    "shown",
    [
        "(10) Tj /F1 7 Tf 13.344 5 Td (6) Tj /F1 12 Tf 6.9 -5 Td (eels) Tj",  # moved, with no space drawn
        "/F1 1 Tf 12 0 0 12 72 720 Tm (10) Tj 7 0 0 7 85.344 725 Tm (6) Tj 12 0 0 12 89.3 720 Tm ( eels) Tj",  # scaled
        "0 1 -1 0 200 300 Tm (10) Tj 5 Ts /F1 7 Tf (6) Tj 0 Ts /F1 12 Tf ( eels) Tj",  # upwards
        "1 0 .2 1 72 720 Tm (10) Tj 5 Ts /F1 7 Tf (6) Tj 0 Ts /F1 12 Tf ( eels) Tj",  # slanted
    ],
)
def test_ways_of_producers(read, maker, shown):
    assert read(page(maker, shown), "a.pdf").text == "10^6 eels"


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("(Only 1) Tj /F1 8 Tf (0) Tj /F1 12 Tf (6 and 42) Tj", "Only 106 and 42"),  # smaller, on the line
        (f"($) Tj {up('19', 3)} ( or 1.) Tj {up('99')}", "$19 or 1.99"),  # prices
        (f"{up('14')} (C and ) Tj {up('7')} (Li) Tj", "14C and 7Li"),  # nothing before it
        ("(Chapter 1) Tj 0 -14 Td (2 eels) Tj 0 -9 Td /F1 7 Tf (3 oars) Tj", "Chapter 1\n2 eels\n3 oars"),
        ("(left 10) Tj /F1 7 Tf 90 5 Td (6) Tj", "left 10 6"),  # another column
    ],
)
def test_what_is_no_script(read, maker, shown, text):
    assert read(page(maker, shown), "a.pdf").text == text


@pytest.mark.parametrize(
    ("words", "letters"), [("10^6 eels", "106eels"), ("^6", "6"), ("[3]", "3"), ("(n+1)", "n+1"), ("pond.", "pond.")]
)
def test_spans_are_found_on_the_page_without_what_no_glyph_shows(read, maker, words, letters):
    data = page(maker, f"(The 10) Tj {up('6')} ( eels of 16 m) Tj {up('n+1')} ( in a pond.) Tj {up('3')} ( End) Tj")
    text = read(data, "a.pdf").text
    textpage = pypdfium2.PdfDocument(data)[0].get_textpage()
    start, end = characters_of_span(text, text.index(words), text.index(words) + len(words), textpage)
    assert "".join(textpage.get_text_range(start, end - start).split()) == letters


def test_texts_read_before_powers_were_marked_are_still_found(maker):
    data = page(maker, f"(The 10) Tj {up('6')} ( eels) Tj")
    textpage = pypdfium2.PdfDocument(data)[0].get_textpage()
    assert characters_of_span("The 106 eels", 4, 7, textpage) == (4, 7)


def test_a_text_that_is_not_the_pages_stays(maker):
    textpage = pypdfium2.PdfDocument(page(maker, f"(10) Tj {up('6')}"))[0].get_textpage()
    assert with_scripts("106 eels", textpage) == "106 eels"
