"""XLS of Excel 97-2003: the same tables, formats and accounts as XLSX."""

from __future__ import annotations

import io
import struct
from datetime import date

import pytest
from compound_files import compound

from rag.loaders.errors import LoadError


def test_workbook(read):
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Fees")
    percent, day = xlwt.easyxf(num_format_str="0.0%"), xlwt.easyxf(num_format_str="d mmm yyyy")
    for i, name in enumerate(("Pier", "Boat", "Share", "Due", "Paid")):
        sheet.write(0, i, name)
    for row, (boat, share) in enumerate((("Canoe", 0.125), ("Raft", 0.5)), 1):
        sheet.write(row, 1, boat)
        sheet.write(row, 2, share, percent)
        sheet.write(row, 3, date(2024, 5, row), day)
        sheet.write(row, 4, True)
    sheet.write_merge(1, 2, 0, 0, "North")
    hidden = book.add_sheet("Lists")
    hidden.write(0, 0, "alpha")
    hidden.visibility = 1
    buffer = io.BytesIO()
    book.save(buffer)
    parsed = read(buffer.getvalue(), "a.xls")
    assert parsed.text == (
        "Fees\n\nPier: North | Boat: Canoe | Share: 12.5% | Due: 1 May 2024 | Paid: TRUE\n"
        "Pier: North | Boat: Raft | Share: 50.0% | Due: 2 May 2024 | Paid: TRUE"
    )
    assert [(s.page, s.row) for s in parsed.sections] == [(1, None), (1, 2)]
    assert parsed.account.remarks == ("the sheet 'Lists' is hidden and left out",)


def _biff(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _workbook(more: bytes) -> bytes:
    """A workbook of one sheet with more records at its end."""
    import xlwt

    book = xlwt.Workbook()
    book.add_sheet("Fees").write(0, 0, "Canoe")
    stream = book.get_biff_data()
    return compound({"Workbook": stream[:-4] + more + stream[-4:]})


@pytest.mark.parametrize("wide", [0, 1])
def test_text_boxes_and_titles_of_charts(read, wide):
    said = "Open in summer. " * 600  # more than one record holds
    data = [part.encode("utf-16-le" if wide else "latin-1") for part in (said[:4000], said[4000:])]
    box = _biff(0x5D, struct.pack("<5H12s2H", 0x15, 18, 6, 1, 0, b"", 0, 0))
    box += _biff(0x01B6, struct.pack("<5H", 0, 0, 0, 0, 0) + struct.pack("<HHI", len(said), 16, 0))
    box += b"".join(_biff(0x3C, bytes([wide]) + part) for part in data) + _biff(0x3C, bytes(16))
    chart = _biff(0x0809, bytes(16)) + _biff(0x100D, b"\0\0\x05\0Ships") + _biff(0x0A, b"")
    parsed = read(_workbook(box + chart), "a.xls")
    assert parsed.text == f"Fees\n\nCanoe\n\n{said.strip()}\n\nShips"
    assert not parsed.account.unaccounted


def test_broken(read):
    with pytest.raises(LoadError, match="not a readable XLS"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xls")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Boat\tFee\nCanoe\t10\n", "Boat: Canoe | Fee: 10"),
        (b"<html><body><table><tr><th>Boat<th>Fee<tr><td>Canoe<td>10</table>", "Canoe | 10"),
    ],
)
def test_text_and_web_pages_by_that_name(tmp_path, run, data, expected):
    (tmp_path / "a.xls").write_bytes(data)
    (document,), failures = run(tmp_path)
    assert not failures
    assert expected in document.text
