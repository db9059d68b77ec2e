"""Pictures of text, and scanned pages, by OCR."""

from __future__ import annotations

import io

import numpy as np
import pytest

from rag.documents.sections import Section
from rag.loaders import ocr
from rag.loaders.errors import LoadError
from rag.loaders.formats import ParseContext, kind_by_name, parse
from rag.loaders.results import Parsed

WORDS = "The ferry to the island leaves at nine"
needs_ocr = pytest.mark.skipif(not ocr.available(), reason="the extra ocr is not installed")


def picture(text: str = WORDS, kind: str = "PNG", turns: int = 0) -> bytes:
    Image = pytest.importorskip("PIL.Image")
    from PIL import ImageDraw, ImageFont

    page = Image.new("RGB", (800, 240), "white")
    ImageDraw.Draw(page).text((40, 90), text, fill="black", font=ImageFont.load_default(36))
    buffer = io.BytesIO()
    page.rotate(90 * turns, expand=True).save(buffer, kind)
    return buffer.getvalue()


def scan(maker, jpeg: bytes) -> bytes:
    """A PDF of three pages, the second of which is a picture."""
    data = maker.pdf(["Page one is typed."], ["x"], ["Page three is typed."])
    shown = b"q 600 0 0 180 0 400 cm /Im Do Q"
    data = data.replace(b"BT /F1 12 Tf 14 TL 72 720 Td (x) Tj ET", shown.ljust(38))
    image = b"<< /Type /XObject /Subtype /Image /Width 800 /Height 240 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    image += b" /Filter /DCTDecode /Length %d >>\nstream\n%b\nendstream" % (len(jpeg), jpeg)
    cut = data.index(b"xref")
    page = data[:cut].replace(b"/Resources <<", b"/Resources << /XObject << /Im 10 0 R >>")
    return page + b"10 0 obj\n" + image + b"\nendobj\ntrailer << /Root 1 0 R /Size 11 >>\n%%EOF\n"


@needs_ocr
def test_a_picture_is_read(read):
    parsed = read(picture(), "ferry-times.png")
    assert parsed.text == WORDS
    assert parsed.title == "ferry times"
    assert parsed.metadata["ocr_confidence"][0] > 0.9
    (box,) = parsed.boxes
    assert (box.start, box.end, box.page) == (0, len(WORDS), 1)
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.05, 0.38, 0.79, 0.56), abs=0.06)


@needs_ocr
@pytest.mark.parametrize("turns", [1, 3])
def test_a_picture_that_is_turned_is_read_where_it_stands(read, turns):
    parsed = read(picture(turns=turns), "a.png")
    assert "ferry" in parsed.text
    sides = {1: (0.38, 0.21, 0.56, 0.96), 3: (0.43, 0.04, 0.62, 0.79)}[turns]
    (box,) = parsed.boxes
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx(sides, abs=0.06)


@needs_ocr
def test_a_scanned_page_is_read_between_others(read, maker):
    parsed = read(scan(maker, picture(kind="JPEG")), "a.pdf")
    assert [(s.page, parsed.text[s.start : s.end]) for s in parsed.sections] == [
        (1, "Page one is typed."), (2, WORDS), (3, "Page three is typed."),
    ]  # fmt: skip
    assert parsed.metadata["ocr_pages"] == [2]
    (box,) = parsed.boxes
    assert parsed.text[box.start : box.end] == WORDS
    assert box.page == 2
    # the picture is 600 x 180 points of 612 x 792, 400 above the lower edge; its words as above
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.05, 0.35, 0.77, 0.40), abs=0.04)
    assert parsed.account.remarks[0].startswith("page 2 was read by OCR")


def test_places_are_turned_back():
    reading = ocr.Reading(("x",), 1.0, ((0.1, 0.2, 0.3, 0.5),))
    turned = [ocr._turned(reading, turns).places[0] for turns in range(4)]
    expected = [(0.1, 0.2, 0.3, 0.5), (0.5, 0.1, 0.8, 0.3), (0.7, 0.5, 0.9, 0.8), (0.2, 0.7, 0.5, 0.9)]
    assert np.allclose(turned, expected)


def test_boxes_follow_the_lines_into_the_text():
    text = "Gates\n\nShut at nine, shut at ten. Gates\n\nOther page. Shut at"
    sections = (Section(0, 39, page=1), Section(41, 60, page=2))
    lines = ("Gates", "Shut at", "nine, shut at-", "ten.", "Gates", "lost line")
    places = tuple((0.0, n / 10, 1.0, n / 10 + 0.05) for n in range(6))
    boxes = ocr.with_boxes(Parsed(text, sections=sections), {1: ocr.Reading(lines, 1.0, places)}).boxes
    shown = [text[box.start : box.end] for box in boxes]
    assert shown == ["Gates", "Shut at", "nine, shut at", "ten.", "Gates"]
    assert [box.top for box in boxes] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert {box.page for box in boxes} == {1}


@needs_ocr
def test_the_worker_reads_pictures_within_its_limits(run, tmp_path):
    (tmp_path / "a.png").write_bytes(picture())
    (documents, failures) = run(tmp_path)
    assert [d.text for d in documents] == [WORDS], failures
    assert [box.end for box in documents[0].boxes] == [len(WORDS)]


def test_without_the_extra_the_install_line_is_said(maker, monkeypatch):
    monkeypatch.setattr("rag.loaders.pdf_pages.available", lambda: False)
    (parsed,) = parse(scan(maker, picture(kind="JPEG")), ParseContext("a.pdf", "pdf"))
    assert parsed.account.remarks == ("page 2 holds no text; pip install 'rag-workbench[ocr]' reads scans",)
    monkeypatch.setattr("rag.loaders.formats.find_spec", lambda _: None)
    with pytest.raises(LoadError, match=r"pip install 'rag-workbench\[ocr\]'"):
        kind_by_name("a.png")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\nbroken", b"GIF89a", b"no picture"])
def test_broken_pictures_fail_alone(data):
    pytest.importorskip("PIL")
    with pytest.raises(LoadError, match="not a readable picture"):
        list(parse(data, ParseContext("a.png", "picture")))


def test_huge_pictures_are_refused():
    Image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    Image.new("1", (10_000, 9_000)).save(buffer, "PNG")
    with pytest.raises(LoadError, match="pixels"):
        list(parse(buffer.getvalue(), ParseContext("a.png", "picture")))
