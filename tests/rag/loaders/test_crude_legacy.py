"""RTF, MSG and the formats of Office 97-2003: what their parsers lose is counted."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from compound_files import compound, doc, ppt

from rag.loaders import crude_legacy, load
from rag.loaders.draft import Draft


def _xls() -> bytes:
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Fees")
    for i, text in enumerate(("Boats", "The gate is shut.", "\u0411\u0430\u0440\u0436\u0430", *map(str, range(9000)))):
        sheet.write(i, 0, text)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _msg() -> bytes:
    texts = {0x001A: "IPM.Note", 0x0037: "Gates", 0x1000: "The gate is shut.\r\n"}
    streams = {f"__substg1.0_{key:04X}001F": text.encode("utf-16-le") for key, text in texts.items()}
    rows = b"".join((key << 16 | 0x1F).to_bytes(4, "little") + bytes(12) for key in texts)
    return compound({**streams, "__properties_version1.0": bytes(32) + rows})


FILES = {
    "a.doc": lambda: doc("Rules\rThe gate is shut.\r", footnotes="The gate is shut.\r"),
    "a.msg": _msg,
    "a.ppt": lambda: ppt([{"title": "Gates", "body": "The gate is shut."}], older="nothing of this is left"),
    "a.rtf": lambda: rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\header {\pict 00ff}}Gates.\par The gate is {\b shut}.\par}",
    "a.xls": _xls,
}


@pytest.mark.parametrize("name", FILES)
def test_a_good_file_holds_no_unaccounted_word(read, name):
    account = read(FILES[name](), name).account
    assert account.held > 4
    assert not account.unaccounted


@pytest.mark.parametrize("name", FILES)
def test_a_lost_sentence_is_counted(read, name, monkeypatch):
    add = Draft.block
    monkeypatch.setattr(Draft, "block", lambda self, text, **gap: add(self, text.replace("The gate is", ""), **gap))
    assert read(FILES[name](), name).account.unaccounted >= 3


RTF = [
    (rb"\'cf\'f0\'e8", "При"),
    (rb"{\f1\'83\'41\'83A}", "アア"),
    (rb"\u1076?\u1072 {\uc2\u1090\'aa\'aa!}", "дат!"),
    (rb"\u-10179?\u-8704?", "\U0001f600"),
    (rb"a{\*\generator Writer;}{\*\shpinst{\sp{\sn width}{\sv 9}}{\shptxt box}}b", "a boxb"),
    (rb"one\par two{\footnote three}\cell{\field{\*\fldinst HYPERLINK x}{\fldrslt four}}", "one two three four"),
    (rb"{\pict\bin3 }}}}x", "x"),
    (rb"a\{b\}\\c", "abc"),
    (rb"}}{{{\v x", "x"),
]


@pytest.mark.parametrize(("source", "text"), RTF)
def test_rich_text(source, text):
    head = rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset204 A;}{\f1\fswiss\fcharset128 B;}}"
    assert "".join(crude_legacy.rich_text(head + source).split()) == "".join(text.split())


def test_a_string_that_goes_on_in_another_record_and_another_width():
    first = b"\1\0\0\0\2\0\0\0" + b"\6\0\x0c\1\0\4\0\0\0" + b"can"
    then = b"\1" + "o\u00eb\u0436".encode("utf-16-le") + bytes(8) + b"\2\0\0ox"
    assert list(crude_legacy._shared([first, then])) == ["canoëж", "ox"]


def test_real_files():
    folder = Path(os.environ.get("RAG_SHARED_DATA", "")) / "documents"
    if "RAG_SHARED_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("RAG_SHARED_DATA names no folder of real documents")
    kinds = (".doc", ".ppt", ".rtf", ".xls")
    accounts = [each.account for each in load(*(path for path in sorted(folder.rglob("*")) if path.suffix in kinds))]
    assert sum(each.held for each in accounts) > 1500
    assert not sum(each.unaccounted for each in accounts)
