"""Marks open the document at the passage: on PDF pages as PDFium has the words, elsewhere in the text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from chromium import Tab, counted
from pdf_files import make_pdf

from .conftest import DRAUGHT, FEE, RULES, TEA, Show, sound

pytestmark = pytest.mark.slow


def yellow(tab: Tab, page: int) -> np.ndarray:
    """Where the sheet of a page is marked, as it is on the screen."""
    from PIL import Image

    shot = tab.page.locator(f"figure[data-page='{page}'] .sheet").screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
    return (pixels[:, :, 0] > 240) & (abs(pixels[:, :, 1] - 226) < 12) & (abs(pixels[:, :, 2] - 122) < 20)


def pdfium_boxes(words: str, page: int, shape: tuple[int, ...]) -> np.ndarray:
    """The characters of some words by PDFium's own search, in pixels of a sheet of that shape."""
    import pypdfium2

    sheet = pypdfium2.PdfDocument(make_pdf(*RULES))[page - 1]
    textpage = sheet.get_textpage()
    found = textpage.search(words).get_next()
    assert found is not None
    mask = np.zeros(shape, bool)
    across, down = shape[1] / sheet.get_width(), shape[0] / sheet.get_height()
    for index in range(found[0], found[0] + found[1]):
        left, bottom, right, top = textpage.get_charbox(index, loose=True)
        rows = slice(int((sheet.get_height() - top) * down), int((sheet.get_height() - bottom) * down) + 1)
        mask[rows, int(left * across) : int(right * across) + 1] = True
    return mask


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    out = mask.copy()
    for _ in range(by):
        out[1:] |= out[:-1]
        out[:-1] |= out[1:]
        out[:, 1:] |= out[:, :-1]
        out[:, :-1] |= out[:, 1:]
    return out


def test_a_mark_opens_the_pdf_page_with_the_right_words_marked(show: Show) -> None:
    tab = show().open()
    turn = tab.ask(DRAUGHT)
    turn.locator(".cite").first.click()
    tab.page.locator("figure[data-loaded]").wait_for()
    marked = yellow(tab, 1)
    words = pdfium_boxes("Ships with a draught of nine metres may enter now.", 1, marked.shape)
    assert marked.sum() > 0.3 * words.sum()
    assert not (marked & ~grown(words, 4)).any(), "something else is marked"
    columns = np.flatnonzero(marked.any(axis=0))
    wanted = np.flatnonzero(words.any(axis=0))
    assert abs(columns[0] - wanted[0]) <= 4
    assert abs(columns[-1] - wanted[-1]) <= 4
    sound(tab)


def test_a_passage_over_two_pages_is_marked_on_both(show: Show) -> None:
    quote = (
        "The fee is four euros for each tonne of cargo and is paid by the master of the ship on the day of arrival [1]."
    )
    tab = show(lambda _: quote).open()
    turn = tab.ask(FEE)
    turn.locator(".cite").first.click()
    tab.page.locator("figure[data-loaded]").nth(1).wait_for()
    for page, words in ((1, RULES[0][3]), (2, RULES[1][0])):
        marked = yellow(tab, page)
        assert marked.any()
        assert not (marked & ~grown(pdfium_boxes(words, page, marked.shape), 4)).any()


def test_a_pdf_file_that_has_changed_is_not_marked(show: Show, folder: Path) -> None:
    file = folder / "docs" / "harbour.pdf"
    before = file.read_bytes()
    tab = show().open()
    turn = tab.ask(DRAUGHT)
    try:
        file.write_bytes(make_pdf(["Quite another text."]))
        turn.locator(".cite").first.click()
        note = tab.page.locator("#viewer .note")
        note.wait_for()
        assert "the file has changed since it was read" in note.inner_text()
        counted(tab.page.locator("#viewer figure"), 0)
        assert "draught of nine metres" in tab.page.locator("#viewer mark").inner_text()
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (TEA, "80 degrees"),
        ("How many eggs does a queen bee lay a day?", "2,000 eggs"),
        ("When does the ferry to Tromsø leave?", "seven in the morning"),
        ("When are apple trees pruned?", "February"),
        ("At how many degrees is white tea steeped?", "75 degrees"),
    ],
)
def test_other_documents_are_marked_in_their_text(show: Show, question: str, words: str) -> None:
    tab = show().open()
    turn = tab.ask(question)
    with tab.page.expect_response(lambda response: "/v1/documents/" in response.url) as told:
        turn.locator(".cite").first.click()
    tab.page.locator("#viewer mark").wait_for()
    shown = tab.page.locator("#viewer mark").inner_text()
    assert words in shown
    assert shown in told.value.json()["text"]
    box, reader = tab.page.locator("#viewer mark").bounding_box(), tab.page.locator(".reader").bounding_box()
    assert reader["y"] <= box["y"] <= reader["y"] + reader["height"], "it is scrolled to"
    sound(tab)


def test_hovering_over_a_mark_shows_what_it_cites(show: Show) -> None:
    tab = show().open()
    turn = tab.ask(TEA)
    turn.locator(".cite").first.hover()
    tip = tab.page.locator("#preview")
    tip.wait_for()
    assert "Green tea is steeped at 80 degrees" in tip.inner_text()
    tab.page.keyboard.press("Escape")
    assert tip.is_hidden()
