"""Makers of small files of every format, and shortcuts into the parsers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from pdf_files import make_pdf

from rag.documents.document import Document
from rag.loaders import LoadFailure, discover, load_files
from rag.loaders.formats import ParseContext, kind_by_name, parse
from rag.loaders.results import Parsed


def make_zip(members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)), data, method)
    return buffer.getvalue()


def make_docx(build: Callable[[object], None]) -> bytes:
    import docx

    document = docx.Document()
    build(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def make_xlsx(sheets: dict[str, list[list[object]]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def make_pptx() -> bytes:
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = "Harbour report"
    first.placeholders[1].text = "Third quarter"
    second = deck.slides.add_slide(deck.slide_layouts[5])
    second.shapes.title.text = "Ships"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for i, text in enumerate(("Port", "Ships", "Emden", "41")):
        table.cell(i // 2, i % 2).text = text
    second.notes_slide.notes_text_frame.text = "Say this slowly."
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


ODT_CONTENT = """<?xml version="1.0"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:text>
<text:h text:outline-level="1">Tides</text:h><text:p>High<text:s/>water <text:span>twice</text:span> a day.</text:p>
<text:list><text:list-item><text:p>spring tide</text:p></text:list-item>
<text:list-item><text:p>neap tide</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Moon</text:p></table:table-cell>
<table:table-cell><text:p>full</text:p></table:table-cell></table:table-row></table:table>
</office:text></office:body></office:document-content>"""


def make_odt(content: str = ODT_CONTENT) -> bytes:
    return make_zip({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def make_epub() -> bytes:
    return make_zip(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
            "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<metadata><dc:title>The Lighthouse</dc:title><dc:creator>A. Keeper</dc:creator></metadata><manifest>"
            '<item id="b" href="two.xhtml"/><item id="a" href="one%20x.xhtml"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "OPS/one x.xhtml": "<html><body><h1>Dusk</h1><p>The lamp is lit.</p></body></html>",
            "OPS/two.xhtml": "<html><body><h1>Dawn</h1><p>The lamp goes out.</p></body></html>",
        }
    )


def make_eml(attachments: dict[str, bytes] | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Ada <ada@example.org>", "bob@example.org"
    message["Subject"], message["Date"] = "Träume", "Tue, 02 Jan 2024 03:04:05 +0000"
    message.set_content("See the attached sheet.\n\n\n\nAda\n")
    message.add_alternative("<p>See the <b>attached</b> sheet.</p>", subtype="html")
    for name, data in (attachments or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def make_notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# Counting\n", "We *count*."]},
        {"cell_type": "code", "source": "print(1)", "outputs": [{"text": "1"}]},
    ]
    return json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}).encode()


@pytest.fixture(scope="session")
def seeds() -> dict[str, bytes]:
    """One good file of every format, by name."""
    return {
        "book.epub": make_epub(),
        "code.py": b"def area(r):\n    return 3 * r * r\n",
        "data.json": b'{"title": "Ports", "port": {"name": "Emden", "depth": 10.5}}',
        "deck.pptx": make_pptx(),
        "letter.odt": make_odt(),
        "lines.jsonl": b'{"id": "a", "title": "A", "text": "alpha"}\n{"id": "b", "text": "beta"}\n',
        "mail.eml": make_eml({"list.csv": b"ship,flag\nGretel,DE\n"}),
        "note.rtf": rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\info{\title Fog}}Fog over the \'e4 quay.\par Second line.}",
        "notebook.ipynb": make_notebook(),
        "pack.zip": make_zip({"in/a.md": "# In\n\nInside.", "b.txt": "plain"}),
        "page.html": b"<html><head><title>Fish</title></head><body><nav>Menu</nav><h1>Fish</h1><p>Cod swims.</p>",
        "paper.tex": rb"\section{Rope} Made of \emph{hemp}~\cite{a}. \begin{itemize}\item One \end{itemize}",
        "paper.pdf": make_pdf(["Quarterly results of the port."], ["Second page."], title="Results"),
        "plain.txt": b"Just a line.\n",
        "rest.rst": b"Title\n=====\n\nText of :pep:`8`.\n",
        "sheet.xlsx": make_xlsx({"Ports": [["Port", "Ships"], ["Emden", 41]]}),
        "table.csv": b"port,ships\nEmden,41\nKiel,17\n",
        "text.md": b"---\ntitle: Kelp\n---\n# Kelp\n\nKelp grows.\n",
        "tree.xml": b"<ports><port><name>Emden</name><depth>10</depth></port></ports>",
        "word.docx": make_docx(lambda d: (d.add_heading("Rope", 1), d.add_paragraph("Rope is made of hemp."))),
    }


@pytest.fixture
def read() -> Callable[..., Parsed]:
    """Parse bytes as the file of that name, here; the one document that comes of it."""

    def one(data: bytes, name: str) -> Parsed:
        (parsed,) = parse(data, ParseContext(name, kind_by_name(name) or "text"))
        assert isinstance(parsed, Parsed)
        for section in parsed.sections:
            assert 0 <= section.start < section.end <= len(parsed.text)
        return parsed

    return one


@pytest.fixture
def read_all() -> Callable[..., list]:
    return lambda data, name: list(parse(data, ParseContext(name, kind_by_name(name) or "text")))


@pytest.fixture
def run() -> Callable[..., tuple[list[Document], list[LoadFailure]]]:
    """Discover and load; documents and failures."""

    def both(*paths, **options):
        items = list(load_files(discover(paths), **options))
        return [i for i in items if isinstance(i, Document)], [i for i in items if isinstance(i, LoadFailure)]

    return both


@pytest.fixture
def maker() -> object:
    """The makers above, for tests in other files."""
    import types

    return types.SimpleNamespace(
        pdf=make_pdf, zip=make_zip, docx=make_docx, xlsx=make_xlsx, pptx=make_pptx, odt=make_odt, epub=make_epub,
        eml=make_eml, odt_content=ODT_CONTENT,
    )  # fmt: skip
