"""CSV, TSV and XLSX: rows as lines, with the header's names."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import pytest

from rag.loaders.errors import LoadError


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_header_and_delimiter(read, delimiter):
    source = "port,ships,note\nEmden,41,\nKiel,17,busy\n".replace(",", delimiter)
    parsed = read(source.encode(), "ports.csv")
    assert parsed.text == "port: Emden | ships: 41\nport: Kiel | ships: 17 | note: busy"
    assert parsed.metadata == {"rows": 2}
    assert parsed.title == "ports"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1,2\n3,4\n", "1 | 2\n3 | 4"),  # no header
        ("a,a\nx,y\n", "a | a\nx | y"),  # not names: twice the same
        ("Cup winners,\nteam,year\nReds,1990\n", "Cup winners\n\nteam: Reds | year: 1990"),  # a title first
        ('name,text\nx,"two\nlines, one cell"\n', "name: x | text: two lines, one cell"),
        ("a,b\n", "a | b"),  # a header alone
        ("name,age\nAda,36\nname,age\nBob,7\n", "name: Ada | age: 36\nname: Bob | age: 7"),  # repeated header
        ("sep=;\nname;age\nAda;36\n", "name: Ada | age: 36"),
        (
            "name,read,read,sung,sung\n,in,out,in,out\nAda,1,2,3,4\n",
            "name: Ada | read in: 1 | read out: 2 | sung in: 3 | sung out: 4",
        ),
        ("name,tel,tel\nAda,1,2\nBob,3,4\n", "name: Ada | tel: 1 | tel 2: 2\nname: Bob | tel: 3 | tel 2: 4"),
        ("day,08:30,09:30\nMon,maths,art\n", "day: Mon | 08:30: maths | 09:30: art"),
        (
            "Log,,\nMade,2021-03-04,\nBy,Ada,\npier,boat,fee\nEast,raft,4\n",
            "Log\nMade | 2021-03-04\nBy | Ada\n\npier: East | boat: raft | fee: 4",
        ),
        ("a,b,c\n1,2,3\nSubtitle,,\n4,5,6\n", "a: 1 | b: 2 | c: 3\nSubtitle\na: 4 | b: 5 | c: 6"),
    ],
)
def test_shapes(read, source, expected):
    assert read(source.encode(), "t.csv").text == expected


def test_tsv_keeps_commas(read):
    assert read(b"a\tb\n1,5\t2\n", "t.tsv").text == "a: 1,5 | b: 2"


def test_workbook(read, maker):
    data = maker.xlsx(
        {
            "Ports": [["Port", "Ships", "Since"], ["Emden", 41.0, datetime(2020, 5, 6)], ["Kiel", 0.1, None]],  # noqa: DTZ001
            "Empty": [],
            "Loose": [[1, 2], [3, None]],
        }
    )
    parsed = read(data, "ports.xlsx")
    assert parsed.text == (
        "Ports\n\nPort: Emden | Ships: 41 | Since: 2020-05-06\nPort: Kiel | Ships: 0.1\n\nLoose\n\n1 | 2\n3"
    )
    assert [(s.heading, s.page, s.row) for s in parsed.sections] == [
        (("Ports",), 1, None), (("Ports",), 1, 2), (("Loose",), 3, None), (("Loose",), 3, 1),
    ]  # fmt: skip
    assert parsed.title == "ports"


def test_declared_dimensions_are_not_believed(read, maker):
    data = maker.xlsx({"A": [["x", "y"], [1, 2]]})
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            part = old.read(info)
            if info.filename.endswith("sheet1.xml"):
                assert b'ref="A1:B2"' in part
                part = part.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')
            new.writestr(info, part)
    assert read(buffer.getvalue(), "a.xlsx").text == "A\n\nx: 1 | y: 2"


def test_not_a_workbook(read, maker):
    with pytest.raises(LoadError, match="not a readable XLSX"):
        read(maker.zip({"a": "b"}), "a.xlsx")


_CASES = {
    "years": ("Line,2021,2022\nRent,100,200\n", "Line: Rent | 2021: 100 | 2022: 200"),
    "months": ("Site,2024-01,2024-02\nEms,5,6\n", "Site: Ems | 2024-01: 5 | 2024-02: 6"),
    "years in all rows are no names": ("Ship,1990,1995\nErna,1991,1999\n", "Ship | 1990 | 1995\nErna | 1991 | 1999"),
    "a name twice": ("Name,Fax,Fax\nIda,11,22\n", "Name: Ida | Fax: 11 | Fax 2: 22"),
    "titles": ("Plan\nMade 2024-05-01\n\nTown,Staff\nOslo,12\n", "Plan\nMade 2024-05-01\n\nTown: Oslo | Staff: 12"),
    "a title of two cells": (
        "Made by,Ann\nTown,Staff,Cars,Bikes\nOslo,12,1,2\n",
        "Made by | Ann\n\nTown: Oslo | Staff: 12 | Cars: 1 | Bikes: 2",
    ),
    "a long name": (
        f"{'How well do you sleep? ' * 9},Note\n5,fine\n",
        f"{('How well do you sleep? ' * 9).strip()}: 5 | Note: fine",
    ),
    "two tables": ("Fish,Fee\ncod,1\n\nTool,Weight\nSaw,9\n", "Fish: cod | Fee: 1\n\nTool: Saw | Weight: 9"),
    "side by side": (
        "Fish,Fee,,Tool,Weight\ncod,1,,Saw,9\neel,2,,Axe,8\n",
        "Fish: cod | Fee: 1\nFish: eel | Fee: 2\n\nTool: Saw | Weight: 9\nTool: Axe | Weight: 8",
    ),
    "a gap in a table": (
        "Line,Plan,Real\nRent,1,2\n\nWages,3,4\n",
        "Line: Rent | Plan: 1 | Real: 2\n\nLine: Wages | Plan: 3 | Real: 4",
    ),
    "a gap under the header": (
        "Line,Plan,Real\n\nRent,1,2\nFuel,3,4\n",
        "Line: Rent | Plan: 1 | Real: 2\nLine: Fuel | Plan: 3 | Real: 4",
    ),
    "labels of groups": (
        "Area,Town,Staff\nNorth,Oslo,1\n,Moss,2\nSouth,Rome,3\n,Bari,4\n",
        "Area: North | Town: Oslo | Staff: 1\nArea: North | Town: Moss | Staff: 2\n"  # noqa: ISC004
        "Area: South | Town: Rome | Staff: 3\nArea: South | Town: Bari | Staff: 4",
    ),
    "a sum is of no group": (
        "Area,Town,Staff\nNorth,Oslo,1\nSouth,Rome,3\n,,4\n",
        "Area: North | Town: Oslo | Staff: 1\nArea: South | Town: Rome | Staff: 3\nStaff: 4",
    ),
    "an empty column": (
        "Boat,Fee,Note\nCanoe,1,\nRaft,2,\n",
        "Boat | Fee | Note\nBoat: Canoe | Fee: 1\nBoat: Raft | Fee: 2",
    ),
}


@pytest.mark.parametrize(("source", "expected"), _CASES.values(), ids=_CASES)
def test_headers_titles_and_tables(read, source, expected):
    assert read(source.encode(), "t.csv").text == expected


def test_tables_and_rows_are_in_the_sections(read):
    parsed = read(b"Plan\n\nFish,Fee\ncod,1\neel,2\n\nTool,Weight\nSaw,9\n", "t.csv")
    shown = [(parsed.text[s.start : s.end].split("\n")[0], s.row) for s in parsed.sections]
    assert shown == [("Plan", 1), ("Fish: cod | Fee: 1", 4), ("Tool: Saw | Weight: 9", 8)]
    assert len({s.table for s in parsed.sections}) == 3


def test_a_long_table_keeps_its_names(read):
    rows = "".join(f"n{i},{i}\n" for i in range(25_000))
    text = read(f"name,number\n{rows}".encode(), "t.csv").text.split("\n")
    assert len(text) == 25_000
    assert text[-1] == "name: n24999 | number: 24999"
