"""ODT: headings, lists, tables."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_document(read, maker):
    parsed = read(maker.odt(), "tides.odt")
    assert parsed.title == "Tides"
    assert parsed.text == "Tides\n\nHigh water twice a day.\n- spring tide\n- neap tide\n\nMoon | full"
    assert {s.heading for s in parsed.sections} == {("Tides",)}


def test_encrypted(read, maker):
    data = maker.zip({"content.xml": "x", "META-INF/manifest.xml": "<m><encryption-data/></m>"})
    with pytest.raises(LoadError, match="password") as error:
        read(data, "a.odt")
    assert error.value.reason == "encrypted"


KINDS = {"office": "office", "text": "text", "table": "table", "draw": "drawing", "style": "style",
         "svg": "svg-compatible", "presentation": "presentation"}  # fmt: skip
NAMES = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{kind}:1.0"' for name, kind in KINDS.items())
NAMES += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


@pytest.fixture
def open_document(read, maker):
    """Read an OpenDocument file of which the body's XML is given, and perhaps styles."""

    def made(body, name, styles="", **parts):
        content = (f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
                   f"<office:body>{body}</office:body></office:document-content>")  # fmt: skip
        return read(maker.zip({"mimetype": "x", "content.xml": content, **parts}), name)

    return made


def test_notes_comments_deletions_and_page_headers(open_document):
    style = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    parsed = open_document(
        "<office:text><text:tracked-changes><text:deletion><text:p>old rule</text:p></text:deletion>"
        "</text:tracked-changes><text:p>Shut at nine.<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>Not on Sundays.</text:p></text:note-body></text:note>"
        "<office:annotation><dc:creator>Ann</dc:creator><text:p>Sure?</text:p>"
        '</office:annotation><text:span text:style-name="H">secret</text:span></text:p></office:text>',
        "a.odt",
        style,
        **{"styles.xml": f"<office:document-styles {NAMES}><style:header><text:p>BH-7731</text:p></style:header>"
           "<style:footer><text:p>7</text:p></style:footer></office:document-styles>"},
    )  # fmt: skip
    assert parsed.text == "Shut at nine.\n\nNot on Sundays.\n\nComment by Ann: Sure?\n\nBH-7731"
    assert parsed.account.left_out == {"markup": 1, "deleted": 2, "hidden": 1, "header-footer": 1}


def cell(text, attributes=""):
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def test_spreadsheet(open_document):
    merged = 'table:number-rows-spanned="2"'
    rows = (
        cell("Pier") + cell("Boat") + cell("Fee"),
        cell("North", merged)
        + "<table:table-cell><text:p>Canoe</text:p><text:p>small</text:p></table:table-cell>"
        + cell("10 €"),
        "<table:covered-table-cell/>" + cell("Raft") + cell("14 €"),
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    nothing = '<table:table-cell table:number-columns-repeated="16384"/>'
    empty = f'<table:table-row table:number-rows-repeated="1048000">{nothing}</table:table-row>'
    hidden = '<style:style style:name="S"><style:table-properties table:display="false"/></style:style>'
    lists = f'<table:table table:name="Lists" table:style-name="S"><table:table-row>{cell("alpha")}</table:table-row>'
    fees = f'<table:table table:name="Fees">{empty}{body}{empty}</table:table>'
    parsed = open_document(f"<office:spreadsheet>{fees}{lists}</table:table></office:spreadsheet>", "a.ods", hidden)
    assert parsed.text == "Fees\n\nPier: North | Boat: Canoe small | Fee: 10 €\nPier: North | Boat: Raft | Fee: 14 €"
    assert [(s.page, s.row) for s in parsed.sections] == [(1, None), (1, 1_048_002)]
    assert parsed.account.remarks == ("the sheet 'Lists' is hidden and left out",)


def test_repeated_cells_are_no_bomb(open_document):
    many = cell("x", 'table:number-columns-repeated="16000"')
    row = f'<table:table-row table:number-rows-repeated="1000000">{many}</table:table-row>'
    text = open_document(f"<office:spreadsheet><table:table>{row}</table:table></office:spreadsheet>", "a.ods").text
    assert 0 < len(text) < 5_000_000


def test_presentation(open_document):
    def frame(text, kind="outline", y="5cm"):
        inside = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f'<draw:frame presentation:class="{kind}" svg:y="{y}">{inside}</draw:frame>'

    notes = f"<presentation:notes>{frame('Say it.', 'notes')}</presentation:notes>"
    first = frame("below", y="9cm") + frame("above") + frame("Tides", "title", "1cm") + frame("7", "page-number")
    slides = (first + notes, frame("end"))
    body = "".join(f'<draw:page draw:name="p{i}">{slide}</draw:page>' for i, slide in enumerate(slides))
    parsed = open_document(f"<office:presentation>{body}</office:presentation>", "a.odp")
    assert parsed.text == "Tides\n\nabove\n\nbelow\n\nNotes: Say it.\n\nend"
    assert [(s.page, s.heading) for s in parsed.sections] == [(1, ("Tides",)), (2, ())]


def test_drawings_flat_files_and_hidden_sections(read, open_document):
    box = "<draw:page><draw:frame><draw:text-box><text:p>Sluice</text:p></draw:text-box></draw:frame></draw:page>"
    assert open_document(f"<office:drawing>{box}</office:drawing>", "a.odg").text == "Sluice"
    hidden = '<text:section text:display="none"><text:p>secret plan</text:p></text:section>'
    body = f"<office:body><office:text>{hidden}<text:p>Open.</text:p></office:text></office:body>"
    flat = read(f'<?xml version="1.0"?><office:document {NAMES}>{body}</office:document>'.encode(), "a.fodt")
    assert flat.text == "Open."
    assert flat.account.left_out == {"hidden": 2}
    assert flat.account.unaccounted == 0


def test_it_is_known_without_its_suffix(tmp_path, run, maker):
    kind = "application/vnd.oasis.opendocument.text"
    (tmp_path / "letter").write_bytes(maker.zip({"mimetype": kind, "content.xml": maker.odt_content}, 0))
    (document,), _ = run(tmp_path)
    assert document.type == "odt"
