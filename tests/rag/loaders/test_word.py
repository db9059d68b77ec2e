"""DOCX: headings, lists, tables, text boxes, revisions, titles."""

from __future__ import annotations

import pytest
from docx.oxml import parse_xml

from rag.loaders.errors import LoadError

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def test_structure(read, maker):
    def build(document):
        document.add_paragraph("Ropes", style="Title")
        document.add_heading("Kinds", 1)
        document.add_paragraph("Two kinds matter.")
        document.add_paragraph("hemp", style="List Bullet")
        document.add_heading("Hemp", 2)
        table = document.add_table(2, 2)
        for i, text in enumerate(("Width", "Load", "10 mm", "1 t")):
            table.cell(i // 2, i % 2).text = text
        table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "inner"
        document.add_heading("Care", 1)
        document.add_paragraph("Keep dry.")
        document.core_properties.author = "Ann"

    parsed = read(maker.docx(build), "ropes.docx")
    assert parsed.title == "Ropes"
    assert parsed.metadata["author"] == "Ann"
    assert parsed.text == (
        "Ropes\n\nKinds\n\nTwo kinds matter.\n- hemp\n\nHemp\n\nWidth: 10 mm | Load: 1 t inner\n\nCare\n\nKeep dry."
    )
    assert [s.heading for s in parsed.sections] == [("Kinds",), ("Kinds", "Hemp"), ("Kinds", "Hemp"), ("Care",)]


def test_deleted_text_goes_and_wrapped_text_stays(read, maker):
    def build(document):
        body = document.element.body
        body.insert(0, parse_xml(f"<w:p {W}><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"
                                 "<w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
                                 "<w:r><w:tab/><w:t>end</w:t></w:r></w:p>"))  # fmt: skip
        body.insert(
            1, parse_xml(f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>")
        )
        body.insert(2, parse_xml(f"<w:p {W}><w:r><w:t>anchor</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r>"
                                 "</w:p></w:txbxContent></w:pict></w:r></w:p>"))  # fmt: skip

    assert read(maker.docx(build), "a.docx").text == "new\tend\n\ncontrol\n\nanchor\n\nbox"


def test_garbage_titles_are_not_taken(read, maker):
    def build(document):
        document.core_properties.title = "Microsoft Word - draft.docx"
        document.add_paragraph("Text.")

    assert read(maker.docx(build), "sea-report_2.docx").title == "sea report 2"


@pytest.mark.parametrize("data", [b"PK\x03\x04 not really", b"no zip at all"])
def test_broken(read, data):
    with pytest.raises(LoadError, match="not a readable zip"):
        read(data, "a.docx")


def test_a_zip_that_is_no_docx(read, maker):
    with pytest.raises(LoadError, match="not a readable DOCX"):
        read(maker.zip({"a.txt": "x"}), "a.docx")
