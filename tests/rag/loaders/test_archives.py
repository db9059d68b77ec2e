"""Zip archives: members, and everything that must not get through."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile

import pytest

from rag.loaders import archives
from rag.loaders.draft import SourceBudget
from rag.loaders.errors import LoadError
from rag.loaders.formats import ParseContext
from rag.loaders.results import Failed, Parsed

ZEROS = bytes(20 << 20)


def outcome(items):
    return {i.member: i.reason_class if isinstance(i, Failed) else i.text for i in items}


def test_members_are_documents(read_all, seeds):
    items = read_all(seeds["pack.zip"], "pack.zip")
    assert [(i.member, i.type, i.title) for i in items] == [("in/a.md", "md", "In"), ("b.txt", "text", "b")]
    assert outcome(items) == {"in/a.md": "# In\n\nInside.", "b.txt": "plain"}


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Größe/Übung.txt", "naïve.txt"]),
        ("utf-8", ["Gro\u0308ße.txt"]),
        ("gbk", ["合同/采购清单.txt"]),
        ("shift_jis", ["写真.txt", "議事録.txt"]),
        ("big5", ["檔案.txt"]),
        ("cp949", ["회의/보고서.txt"]),
        ("cp437", ["Käse für Ärzte.txt"]),
        ("cp850", ["Ávila.txt", "Über.txt"]),
        ("cp866", ["Договор.txt", "план.txt"]),
        ("cp1251", ["Договор.txt"]),
        ("cp852", ["Účty řidičů.txt"]),
        ("cp874", ["บัญชีรายชื่อ.txt"]),
        ("cp1253", ["Λογαριασμοί.txt"]),
        ("cp1256", ["قائمة الأسماء.txt"]),
        ("cp850", ["¿Dónde está?.txt", "Mañana.txt"]),
    ],
)
def test_names_without_the_flag_of_utf8(read_all, encoding, names):
    """Each name goes in as many ASCII characters as it has bytes, which are then put in their place."""
    raw = [name.encode(encoding) for name in names]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i, name in enumerate(raw):
            archive.writestr(f"{i}".rjust(len(name), "#"), "x")
    data = buffer.getvalue()
    for i, name in enumerate(raw):
        data = data.replace(f"{i}".rjust(len(name), "#").encode(), name)
    assert [item.member for item in read_all(data, "a.zip")] == [unicodedata.normalize("NFC", name) for name in names]


def test_backslashes_part_folders_where_no_slash_does(read_all, maker):
    made = maker.zip({"plans_east.txt": "x"}).replace(b"plans_east", b"plans\\east")
    assert [item.member for item in read_all(made, "a.zip")] == ["plans/east.txt"]


@pytest.mark.parametrize("member", ["[Content_Types].xml", "mimetype", "Index/Document.iwa"])
def test_parts_of_a_program_s_package_are_no_documents(read_all, maker, member):
    with pytest.raises(LoadError, match="package of a program") as error:
        read_all(maker.zip({member: "x", "a.xml": "<a>words</a>"}), "a.zip")
    assert error.value.reason == "type"


def test_a_name_in_the_field_of_info_zip_wins(read_all):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a.txt")
        info.extra = struct.pack("<HHBI", 0x7075, 11, 1, 0) + "ö.txt".encode()
        archive.writestr(info, "x")
    assert [item.member for item in read_all(buffer.getvalue(), "a.zip")] == ["ö.txt"]


def test_bad_members_are_listed_and_the_good_go_in(read_all, maker):
    data = maker.zip(
        {
            "good.md": "good", "../up.md": "x", "/abs.md": "x", "a/../../b.md": "x", "C:\\win.md": "x", "..\\w.md": "x",
            "empty.md": "", "pic.ico": "x", "bad.pdf": "no pdf", "__MACOSX/._good.md": "x", "folder/": "",
        }
    )  # fmt: skip
    assert outcome(read_all(data, "a.zip")) == {
        "good.md": "good",
        "../up.md": "outside",
        "/abs.md": "outside",
        "a/../../b.md": "outside",
        "C:\\win.md": "outside",
        "..\\w.md": "outside",
        "empty.md": "empty",
        "pic.ico": "type",
        "bad.pdf": "parse",
    }


def test_links_encrypted_and_doubled_members(read_all):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("same.md", "first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("same.md", "second")
        archive.writestr("locked.md", "secret")
    data = bytearray(buffer.getvalue())
    entry = data.rindex(b"locked.md") - 46  # its record in the directory
    data[entry + 8] |= 1
    items = read_all(bytes(data), "a.zip")
    assert [(i.member, i.reason_class if isinstance(i, Failed) else i.text) for i in items] == [
        ("link.md", "special"),
        ("same.md", "first"),
        ("same.md", "parse"),
        ("locked.md", "encrypted"),
    ]


def test_archives_in_archives_two_deep(read_all, maker):
    deep = maker.zip({"deep.md": "deepest"})
    middle = maker.zip({"mid.md": "middle", "deep.zip": deep})
    inner = maker.zip({"in.md": "inner", "mid.zip": middle})
    found = outcome(read_all(maker.zip({"inner.zip": inner}), "outer.zip"))
    assert found == {
        "inner.zip#in.md": "inner",
        "inner.zip#mid.zip#mid.md": "middle",
        "inner.zip#mid.zip#deep.zip": "limit",
    }


@pytest.mark.parametrize(
    "members",
    [
        {"bomb.txt": ZEROS},
        {f"{i}.txt": "x" for i in range(20_001)},
        {"inner.zip": None},
    ],
    ids=["ratio", "count", "nested"],
)
def test_bombs_are_refused_as_a_whole(read_all, maker, members):
    members = {n: maker.zip({"bomb.txt": ZEROS}) if d is None else d for n, d in members.items()}
    with pytest.raises(LoadError) as error:
        read_all(maker.zip({"good.md": "good", **members}), "bomb.zip")
    assert error.value.reason == "limit"


def test_total_size_is_limited_across_members(maker):
    context = ParseContext("a.zip", "zip", SourceBudget(unpacked=1000))
    with pytest.raises(LoadError, match="unpacks to more"):
        list(archives.parse(maker.zip({"a.txt": "x" * 600, "b.txt": "y" * 600}), context))


def test_overlapping_members_are_refused(read_all, maker):
    """The quoted-overlap bomb: two directory entries that share one body."""
    data = bytearray(maker.zip({"a.txt": "x" * 1000, "b.txt": "y" * 1000}, zipfile.ZIP_STORED))
    second = data.rindex(b"b.txt") - 46
    assert data[second : second + 4] == b"PK\x01\x02"
    data[second + 42 : second + 46] = struct.pack("<I", 10)
    with pytest.raises(LoadError, match="overlap"):
        read_all(bytes(data), "a.zip")


@pytest.mark.parametrize("declared", [10, 100_000])
def test_lies_about_size_are_found(read_all, maker, declared):
    data = bytearray(maker.zip({"a.txt": "x" * 5000, "b.txt": "fine"}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", declared)
    found = outcome(read_all(bytes(data), "a.zip"))
    assert found == {"a.txt": "parse", "b.txt": "fine"}


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx", "a.odt", "a.epub"])
def test_office_files_have_the_same_limits(read_all, maker, name):
    with pytest.raises(LoadError) as error:
        read_all(maker.zip({"word/document.xml": ZEROS}), name)
    assert error.value.reason == "limit"


@pytest.mark.parametrize(("name", "part"), [("word.docx", "word/document.xml"), ("sheet.xlsx", "xl/workbook.xml"),
                                            ("deck.pptx", "ppt/presentation.xml")])  # fmt: skip
def test_dtds_in_office_files_are_refused(read_all, seeds, maker, name, part, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("CANARY")
    with zipfile.ZipFile(io.BytesIO(seeds[name])) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    head, _, rest = members[part].partition(b"?>")
    members[part] = head + b'?><!DOCTYPE x [<!ENTITY y SYSTEM "file://%b">]>' % str(canary).encode() + rest
    with pytest.raises(LoadError, match="declares a DTD"):
        read_all(maker.zip(members), name)


def test_entities_in_odt_are_not_read(read, maker, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("CANARY")
    content = maker.odt_content.replace(
        "<office:document-content", f'<!DOCTYPE x [<!ENTITY y SYSTEM "file://{canary}">]><office:document-content', 1
    ).replace("High", "Low &y;")
    parsed = read(maker.odt(content), "a.odt")
    assert "Low" in parsed.text
    assert "CANARY" not in parsed.text


def test_nothing_is_written(read_all, seeds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pack.zip", "book.epub", "word.docx", "sheet.xlsx", "deck.pptx", "letter.odt"):
        assert all(isinstance(item, Parsed) for item in read_all(seeds[name], name))
    assert list(tmp_path.iterdir()) == []
