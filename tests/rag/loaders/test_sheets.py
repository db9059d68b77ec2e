"""XLSX: values as cells show them, merged cells, hidden parts, formulas without values, comments, charts."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import pytest

from rag.loaders.errors import LoadError


@pytest.fixture
def book(read):
    """Build a workbook with openpyxl, and read it."""
    import openpyxl

    def made(build, name="a.xlsx"):
        workbook = openpyxl.Workbook()
        build(workbook, workbook.active)
        buffer = io.BytesIO()
        workbook.save(buffer)
        return read(buffer.getvalue(), name)

    return made


def fill(sheet, rows):
    for row in rows:
        sheet.append(row)


def test_values_as_their_cells_show_them(book):
    def build(_, sheet):
        fill(sheet, [["Item", "Share", "Price", "Due", "Paid"], ["Rope", 0.125, 1234.5, date(2024, 5, 1), True]])
        sheet["B2"].number_format, sheet["C2"].number_format, sheet["D2"].number_format = (
            "0.0%",
            '"$"#,##0.00',
            "d mmm yyyy",
        )

    assert book(build).text.endswith("Item: Rope | Share: 12.5% | Price: $1,234.50 | Due: 1 May 2024 | Paid: TRUE")


def test_merged_labels_and_a_header_of_two_rows(book):
    def build(_, sheet):
        fill(sheet, [["Pier", "Depth", None, "Berths", None], [None, "Ebb", "Flood", "Free", "All"],
                     ["North", 3, 6, 1, 9], [None, 4, 7, 2, 8], ["South", 5, 8, 0, 4]])  # fmt: skip
        for cells in ("A1:A2", "B1:C1", "D1:E1", "A3:A4"):
            sheet.merge_cells(cells)

    parsed = book(build)
    assert parsed.text.split("\n")[2:] == [
        "Pier: North | Depth Ebb: 3 | Depth Flood: 6 | Berths Free: 1 | Berths All: 9",
        "Pier: North | Depth Ebb: 4 | Depth Flood: 7 | Berths Free: 2 | Berths All: 8",
        "Pier: South | Depth Ebb: 5 | Depth Flood: 8 | Berths Free: 0 | Berths All: 4",
    ]
    assert parsed.sections[-1].row == 3


def test_a_formula_without_a_value_is_shown_and_remarked(book):
    def build(_, sheet):
        fill(sheet, [["Month", "Cost"], ["May", 3], ["June", 4], ["Sum", "=SUM(B2:B3)"]])

    parsed = book(build)
    assert parsed.text.endswith("Month: Sum | Cost: =SUM(B2:B3)")
    assert "1 formulas have no stored value" in parsed.account.remarks[0]


def test_hidden_sheets_rows_and_columns_are_accounted_for(book):
    def build(workbook, sheet):
        fill(sheet, [["Fish", "Weight", "Secret"], ["cod", 3, "reef"], ["eel", 1, "wreck"]])
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["C"].hidden = True
        other = workbook.create_sheet("Lists")
        fill(other, [["alpha"]])
        other.sheet_state = "hidden"

    parsed = book(build)
    assert parsed.text == "Sheet\n\nFish: cod | Weight: 3"
    assert parsed.account.left_out == {"hidden": 6}  # Secret, reef, eel, 1, wreck, alpha
    assert parsed.account.remarks == (
        "hidden columns are left out",
        "hidden rows are left out",
        "the sheet 'Lists' is hidden and left out",
    )
    assert parsed.account.unaccounted == 0


def test_comments_and_charts_are_read(book):
    from openpyxl.chart import BarChart, Reference
    from openpyxl.comments import Comment

    def build(_, sheet):
        fill(sheet, [["Port", "Ships"], ["Emden", 41], ["Kiel", 17]])
        sheet["B2"].comment = Comment("Counted at noon.", "Ann")
        chart = BarChart()
        chart.title = "Ships by port"
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart, "D2")

    text = book(build).text
    assert "Comment on B2: Counted at noon." in text
    assert text.endswith("Ships by port")


def test_rows_keep_their_numbers_over_gaps(book):
    def build(_, sheet):
        sheet["A3"], sheet["B3"], sheet["A4"], sheet["B4"] = "Boat", "Fee", "Canoe", 10
        sheet["A9"], sheet["B9"], sheet["A10"], sheet["B10"] = "Tool", "Weight", "Saw", 9

    parsed = book(build)
    assert parsed.text == "Sheet\n\nBoat: Canoe | Fee: 10\n\nTool: Saw | Weight: 9"
    assert [(s.row, s.table) for s in parsed.sections] == [(None, None), (4, 1), (10, 2)]


def test_dates_and_people_of_the_file(book):
    from datetime import datetime

    def build(workbook, sheet):
        fill(sheet, [["x"]])
        workbook.properties.creator = "Zoe\u0308"
        workbook.properties.created = datetime(2024, 5, 1, 12, 30)  # noqa: DTZ001 - openpyxl writes UTC

    metadata = book(build).metadata
    assert metadata["author"] == "Zo\u00eb"
    assert metadata["created"] == "2024-05-01T12:30:00+00:00"


def test_a_broken_row_number_loses_no_row(read, maker):
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(maker.xlsx({"A": [["x", "y"], [1, 2]]}))) as old,
        zipfile.ZipFile(buffer, "w") as new,
    ):
        for info in old.infolist():
            new.writestr(info, old.read(info).replace(b'<row r="2"', b'<row r="99999999999999"'))
    assert read(buffer.getvalue(), "a.xlsx").text == "A\n\nx: 1 | y: 2"


def test_a_docx_by_that_name(read, maker):
    with pytest.raises(LoadError, match="its main part is not a workbook"):
        read(maker.docx(lambda d: d.add_paragraph("x")), "a.xlsx")
