"""Raised and lowered text: marked by the readers of every format, written once the line is whole."""

from __future__ import annotations

import io

import pytest

from rag.loaders.scripts import lowered, raised, written


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"10{raised('6')} eels", "10^6 eels"),
        (f"10{raised('1')}{raised('2')}", "10^12"),  # two runs
        (f"x{lowered('1')}{raised('2')}", "x1^2"),
        (f"x{raised('2')}{lowered('1')}", "x^2_1"),
        (f"2{raised('n-1')} and 10{raised('-9')}", "2^(n-1) and 10^-9"),
        (f"the 1{raised('st')} of H{lowered('2')}O at 5{lowered('10')}", "the 1st of H2O at 5_10"),
        (f"shut.{raised('3')} Oar{raised('®')}", "shut. [3] Oar®"),
        (f"3{raised('1')}/{lowered('2')} feet, {raised('1')}\u20444 mile", "3 1/2 feet, 1/4 mile"),
    ],
)
def test_lines(line, expected):
    assert written(line) == expected


def docx(maker):
    import docx

    document = docx.Document()
    paragraph = document.add_paragraph("10")
    paragraph.add_run("7").font.superscript = True
    paragraph.add_run(" eels in H")
    paragraph.add_run("2").font.subscript = True
    paragraph.add_run("O")
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def pptx(maker):
    import pptx

    deck = pptx.Presentation()
    frame = deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame
    for text, shift in (("10", ""), ("7", "30000"), (" eels in H", ""), ("2", "-25000"), ("O", "")):
        run = frame.paragraphs[0].add_run()
        run.text = text
        if shift:
            run._r.get_or_add_rPr().set("baseline", shift)
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def xlsx(maker):
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        up, down = (book.add_format({"font_script": script}) for script in (1, 2))
        book.add_worksheet("A").write_rich_string(0, 0, "10", up, "7", " eels in H", down, "2", "O")
    return buffer.getvalue()


def odt(maker):
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "style")
    )
    styles = "".join(
        f'<style:style style:name="{name}"><style:text-properties style:text-position="{name} 58%"/></style:style>'
        for name in ("super", "sub")
    )
    return maker.zip(
        {
            "content.xml": f"<office:document-content {names}>{styles}<office:body><office:text><text:p>10"
            '<text:span text:style-name="super">7</text:span> eels in H<text:span text:style-name="sub">2</text:span>O'
            "</text:p></office:text></office:body></office:document-content>"
        }
    )


def rtf(maker):
    return rb"{\rtf1\ansi 10{\rtlch\super\insrsid3 7} eels in H\sub 2\nosupersub O}"


def tex(maker):
    return rb"10\textsuperscript{7} eels in H\textsubscript{2}O"


def rst(maker):
    return rb"10\ :sup:`7` eels in H\ :sub:`2`\ O"


@pytest.mark.parametrize("made", [docx, pptx, xlsx, odt, rtf, tex, rst])
def test_formats(read, maker, made):
    parsed = read(made(maker), f"a.{made.__name__}")
    assert parsed.text.split("\n")[-1] == "10^7 eels in H2O"
    assert parsed.account.unaccounted == 0
