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
