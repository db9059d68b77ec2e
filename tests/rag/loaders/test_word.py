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


def part(name, body):
    return f"<w:{name} {W}>{body}</w:{name}>"


def p(text, properties="", run=""):
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


@pytest.fixture
def docx(read, maker):
    """Read a DOCX of which only the body's XML is given, and perhaps other parts, by their names."""
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    kinds = {"header1": "header", "header2": "header", "footer1": "footer"}

    def made(body, **parts):
        links = "".join(f'<Relationship Id="{n}" Type="{base}/{kinds.get(n, n)}" Target="{n}.xml"/>' for n in parts)
        members = {
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="a" Type="{base}/officeDocument"'
            ' Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}">{links}</Relationships>',
            "word/document.xml": part("document", f'<w:body xmlns:r="{base}">{body}</w:body>'),
            **{f"word/{name}.xml": text for name, text in parts.items()},
        }
        return read(maker.zip(members), "a.docx")

    return made


def test_a_cell_whose_deletion_is_tracked_is_left_out(docx):
    cells = ("<w:tc>{}{}</w:tc>".format(*cell) for cell in (
        ("", p("Fee")), ("<w:tcPr><w:cellDel/></w:tcPr>", p("fifteen")), ("", p("20"))))  # fmt: skip
    parsed = docx(f"<w:tbl><w:tr>{''.join(cells)}</w:tr></w:tbl>")
    assert "fifteen" not in parsed.text
    assert parsed.account.left_out == {"deleted": 1}


def test_notes_and_comments_follow_their_paragraph(docx):
    body = ('<w:p><w:r><w:t>The rent is due.</w:t><w:footnoteReference w:id="2"/><w:endnoteReference w:id="3"/>'
            '<w:commentReference w:id="0"/></w:r></w:p>' + p("After."))  # fmt: skip
    parsed = docx(
        body,
        footnotes=part("footnotes", f'<w:footnote w:id="2">{p("On the first.")}</w:footnote>'),
        endnotes=part("endnotes", f'<w:endnote w:id="3">{p("In euros.")}</w:endnote>'),
        comments=part("comments", f'<w:comment w:id="0" w:author="Ann">{p("Sure?")}</w:comment>'),
    )
    assert parsed.text == "The rent is due.\n\nOn the first.\n\nIn euros.\n\nComment by Ann: Sure?\n\nAfter."
    assert parsed.account.unaccounted == 0


def test_page_headers_and_footers_once_and_only_those_shown(docx):
    references = ('<w:sectPr><w:headerReference w:type="default" r:id="header1"/><w:footerReference r:id="footer1"/>'
                  '<w:headerReference w:type="first" r:id="header2"/></w:sectPr>')  # fmt: skip
    parsed = docx(
        p("Text.") + f"<w:p><w:pPr>{references}</w:pPr></w:p>" + p("More.") + references,
        header1=part("hdr", p("Contract 7731")),
        header2=part("hdr", p("Never shown")),
        footer1=part("ftr", p("12")),
    )
    assert parsed.text == "Text.\n\nMore.\n\nContract 7731"
    assert parsed.account.left_out == {"hidden": 2, "header-footer": 1}


def test_moved_deleted_and_hidden_text(docx):
    moved = "<w:r><w:t>The key is here.</w:t></w:r>"
    row = "<w:tr><w:trPr>{}</w:trPr><w:tc>" + p("Old") + "</w:tc><w:tc>" + p("15") + "</w:tc></w:tr>"
    parsed = docx(
        f"<w:p><w:moveFrom>{moved}</w:moveFrom></w:p>" + p("First.") + f"<w:p><w:moveTo>{moved}</w:moveTo></w:p>"
        + p("secret", run="<w:vanish/>") + p("shown", run='<w:vanish w:val="0"/>')
        + "<w:tbl>" + row.format("") .replace("Old", "New") + row.format("<w:del/>") + "</w:tbl>"
    )  # fmt: skip
    assert parsed.text == "First.\n\nThe key is here.\n\nshown\n\nNew | 15"
    assert parsed.account.left_out == {"deleted": 6, "hidden": 1}
    assert parsed.account.unaccounted == 0


def test_a_style_may_hide_and_number_its_paragraphs(docx):
    styles = part("styles", '<w:style w:styleId="N"><w:name w:val="Note"/><w:rPr><w:vanish/></w:rPr></w:style>'
                  '<w:style w:styleId="C"><w:name w:val="Clause"/><w:pPr><w:outlineLvl w:val="1"/><w:numPr>'
                  '<w:ilvl w:val="1"/><w:numId w:val="4"/></w:numPr></w:pPr></w:style>'
                  '<w:style w:styleId="D"><w:name w:val="Other"/><w:basedOn w:val="C"/></w:style>')  # fmt: skip
    level = '<w:lvl w:ilvl="{}"><w:start w:val="3"/><w:numFmt w:val="{}"/><w:lvlText w:val="{}"/></w:lvl>'
    numbering = part("numbering", '<w:abstractNum w:abstractNumId="7">' + level.format(0, "upperRoman", "%1.")
                     + level.format(1, "lowerLetter", "%1.%2") + '</w:abstractNum>'
                     '<w:num w:numId="4"><w:abstractNumId w:val="7"/></w:num>')  # fmt: skip
    item = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="4"/></w:numPr>'
    body = p("Rent", item) + p("Due", '<w:pStyle w:val="C"/>') + p("Place", '<w:pStyle w:val="D"/>')
    parsed = docx(body + p("gone", '<w:pStyle w:val="N"/>'), styles=styles, numbering=numbering)
    assert parsed.text == "III. Rent\n\nIII.c Due\n\nIII.d Place"
    assert [s.heading for s in parsed.sections] == [("III.c Due",), ("III.d Place",)]


def test_merged_cells_marked_headers_and_frames(docx):
    def tr(*cells, head=False):
        inner = "".join(f"<w:tc><w:tcPr>{merge}</w:tcPr>{p(text)}</w:tc>" for text, merge in cells)
        return f"<w:tr><w:trPr>{'<w:tblHeader/>' * head}</w:trPr>{inner}</w:tr>"

    start, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = [
        tr(("Site", ""), ("Says", ""), head=True),
        tr(("North", start), ("calm", "")),
        tr(("", goes_on), ("wild", "")),
    ]
    table = "".join(rows)
    parsed = docx(f"<w:tbl>{table}</w:tbl><w:tbl>{tr(('In a frame.', ''))}</w:tbl>")
    assert parsed.text == "Site: North | Says: calm\nSite: North | Says: wild\n\nIn a frame."


def test_boxes_placeholders_and_formulas(docx):
    box = f"<w:txbxContent>{p('Do not open.')}</w:txbxContent>"
    m = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    parsed = docx(
        f"<w:p><w:r><w:t>Warning</w:t><mc:AlternateContent {mc}><mc:Choice>{box}</mc:Choice>"
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>" + p("Click here") + "</w:sdtContent></w:sdt>"
        f"<w:p><w:r><w:t>Let </w:t></w:r><m:oMath {m}><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num>"
        "<m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath></w:p>"
    )  # fmt: skip
    assert parsed.text == "Warning\n\nDo not open.\n\nLet (a)/(b)"
    assert parsed.account.left_out == {"form-fields": 2, "duplicated": 3}
