"""Spans on PDF pages: the one place that it can be, or none."""

from __future__ import annotations

import io

import numpy as np
import pytest

from rag.loaders.page_views import PageViews
from rag.loaders.pdf_rectangles import span_on_page

pypdfium2 = pytest.importorskip("pypdfium2")


def found(text: str, words: str, page: str) -> str | None:
    start = text.index(words)
    span = span_on_page(text, start, start + len(words), page)
    return None if span is None else page[slice(*span)]


@pytest.mark.parametrize(
    ("text", "words", "page", "shown"),
    [
        ("A warm climate here", "climate", "A warm cli\ufffemate here", "cli\ufffemate"),
        ("price-determining", "price-determining", "price\ufffe\r\ndetermining", "price\ufffe\r\ndetermining"),
        ("naïve café", "café", "na\u00a8\u0131ve caf\u00b4e", "caf\u00b4e"),
        ("the first office", "first", "the \ufb01rst o\ufb03ce", "\ufb01rst"),
        ("one two. Three four.", "two. Three", "one two.\r\nThree four.", "two.\r\nThree"),
        ("Port. Body of the port. End", "Body of the port", "Port.\r\nBody of the port.\r\nEnd", "Body of the port"),
        ("ten men, ten hats", "ten", "ten men, ten hats", "ten"),
    ],
)
def test_a_span_is_found_whatever_was_done_to_the_text(text: str, words: str, page: str, shown: str) -> None:
    assert found(text, words, page) == shown


@pytest.mark.parametrize(
    ("text", "words", "page"),
    [
        ("First name: Alice", "Alice", "First name:"),  # a form's value is drawn as no text
        ("tea and tea", "tea", "tea for two"),  # two in the text, one on the page
        ("a - b", "-", "a - b"),  # nothing to compare by
        ("", "", "page"),
    ],
)
def test_what_is_not_certain_is_not_marked(text: str, words: str, page: str) -> None:
    assert found(text, words, page) is None


def test_the_words_around_tell_one_of_two() -> None:
    assert span_on_page("some tea", 5, 8, "tea some tea") == (9, 12)


def test_the_second_of_two_is_told_by_the_words_around_it() -> None:
    text = page = "red tea, green tea"
    start = text.rindex("tea")
    assert span_on_page(text, start, start + 3, page) == (start, start + 3)


@pytest.fixture(scope="module")
def views():
    made = PageViews()
    yield made
    made.close()


def pixels(png: bytes) -> np.ndarray:
    """Decode a PNG of this package: no filters, RGB."""
    import struct
    import zlib

    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


LINES = ["The harbour was dredged in May.", "Ships of nine metres may enter now.", "The fee is four euros."]


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("box", [b"[0 0 612 792]", b"[50 600 500 760]"])
def test_ink_is_inside_of_the_rectangles_and_nowhere_else(load_one, views, maker, turned: int, box: bytes) -> None:
    """Of a page with one line, the rectangles of the whole text hold all ink; of a word of it, that word's."""
    data = maker.pdf(["Ships of nine metres may enter now."])
    data = data.replace(b"/MediaBox [0 0 612 792]", b"/Rotate %d /MediaBox %s" % (turned, box))
    document = load_one(data)
    picture = pixels(views.picture(document, 1, width=900))
    ink = picture.min(axis=2) < 128
    height, width = ink.shape
    assert ink.any()

    def inside(start: int, end: int) -> np.ndarray:
        (marks,) = views.marks(document, start, end)
        assert marks.how == "exact"
        mask = np.zeros_like(ink)
        for left, top, right, bottom in marks.rectangles:
            mask[int(top * height) - 2 : int(bottom * height) + 3, int(left * width) - 2 : int(right * width) + 3] = (
                True
            )
        return mask

    whole = inside(0, len(document.text))
    assert not (ink & ~whole).any()
    start = document.text.index("nine")
    word = inside(start, start + len("nine"))
    assert (ink & word).any()
    assert word.sum() < 0.4 * whole.sum()
    reference = pypdfium2.PdfDocument(io.BytesIO(data))[0]
    assert reference.get_rotation() == turned


def test_a_span_over_two_pages_is_marked_on_both(load_one, views, maker) -> None:
    document = load_one(maker.pdf(LINES, ["Over the page it goes on.", "And ends."]))
    start, end = document.text.index("The fee"), document.text.index("goes on.") + len("goes on.")
    first, second = views.marks(document, start, end)
    assert [(each.page, each.how) for each in (first, second)] == [(1, "exact"), (2, "exact")]
    assert len(first.rectangles) == 1


def test_a_line_that_every_page_repeats_does_not_shift_the_marks(load_one, views, maker) -> None:
    bodies = ["Ships may enter.", "The fee is four euros.", "Quay three is closed.", "Divers work at night."]
    pages = [["Port authority report", f"Body number {n}.", body] for n, body in enumerate(bodies, 1)]
    document = load_one(maker.pdf(*pages))
    start = document.text.index("Quay three")
    (marks,) = views.marks(document, start, start + len("Quay three is closed."))
    assert (marks.page, marks.how) == (3, "exact")
    ((_, top, _, bottom),) = marks.rectangles
    assert top < (72 + 2 * 14) / 792 < bottom  # the third line


def test_a_file_that_changed_or_went_is_not_shown(load_one, views, maker, tmp_path) -> None:
    from pathlib import Path

    from rag.errors import CannotShow, FileChanged

    document = load_one(maker.pdf(LINES))
    file = Path(document.location)
    with pytest.raises(CannotShow, match="there is no page 7"):
        views.picture(document, 7, width=300)
    file.write_bytes(maker.pdf([*LINES, "One more."]))
    for look in (lambda: views.marks(document, 0, 5), lambda: views.picture(document, 1, width=300)):
        with pytest.raises(FileChanged, match="the file has changed since it was read"):
            look()
    file.unlink()
    with pytest.raises(CannotShow, match="gone"):
        views.picture(document, 1, width=300)


@pytest.mark.slow
def test_a_page_that_takes_too_long_is_given_up_and_the_next_one_shown(load_one, maker) -> None:
    from rag.errors import CannotShow
    from rag.loaders.limits import ParseLimits

    data = maker.pdf(["Dashes."])
    shown = data[data.index(b"BT /F1") : data.index(b" ET") + 3]
    dashes = b"[0.5 0.5] 0 d 0.1 w 0 0 m " + b"600 790 l 5 5 l " * 20_000 + b"S " + shown
    document = load_one(data.replace(b"/Length %d" % len(shown), b"/Length %d" % len(dashes)).replace(shown, dashes))
    hasty = PageViews(ParseLimits(seconds=1.0))
    try:
        with pytest.raises(CannotShow, match="it takes too long"):
            hasty.picture(document, 1, width=1200)
        (marks,) = hasty.marks(document, 0, 6)
        assert marks.how == "exact"
    finally:
        hasty.close()


def test_what_is_no_pdf_of_its_own_is_not_shown(views, read, maker) -> None:
    from rag.documents.document import Document
    from rag.errors import CannotShow

    for document in (
        Document("a", "text", "a", type="md", location="/a.md"),
        Document("a", "text", "a", type="pdf"),
        Document("a.zip#b.pdf", "text", "a.zip", type="pdf", location="/a.zip"),
    ):
        with pytest.raises(CannotShow):
            views.marks(document, 0, 4)


@pytest.fixture
def load_one(tmp_path):
    from rag import load

    def one(data: bytes):
        (tmp_path / "a.pdf").write_bytes(data)
        (document,) = load(tmp_path / "a.pdf", failures=[])
        return document

    return one
