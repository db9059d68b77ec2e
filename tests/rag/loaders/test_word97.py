"""DOC of Word 97-2003: headings, tables, fields, notes, revisions, page headers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from compound_files import compound, doc

from rag.loaders.errors import LoadError

DELETED, HIDDEN = 0x0800, 0x083C


def test_document(read):
    data = doc(
        "Rules\rKeep dry. old words\r\x13 LINK x \x14the quay\x15 is open\rBoat\x07Fee\x07\x07Canoe\x0710\x07\x07end\r",
        footnotes="\x02 Not on Sundays.\r",
        endnotes="Until May.\r",
        comments="Who says so?\r",
        boxes="Danger\r",
        margins="BH-7731\r1\rBH-7731\r",
        out_of_sight={"old words": DELETED, "end": HIDDEN},
        headings={"Rules": 1},
    )
    parsed = read(data, "a.doc")
    assert parsed.text.split("\n\n") == [
        "Rules", "Keep dry.", "the quay is open", "Boat: Canoe | Fee: 10", "Danger", "Not on Sundays.", "Until May.",
        "Who says so?", "BH-7731",
    ]  # fmt: skip
    assert parsed.title == "Rules"
    assert parsed.sections[0].heading == ("Rules",)
    assert parsed.account.left_out == {"deleted": 2, "hidden": 1, "header-footer": 3}


def test_a_password(read):
    with pytest.raises(LoadError, match="password"):
        read(doc("x\r", flags=0x0100), "a.doc")


@pytest.mark.parametrize("data", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), compound({"Else": b"x"})])
def test_broken(read, data):
    with pytest.raises(LoadError, match=r"compound file|no stream"):
        read(data, "a.doc")


def test_any_cut_ends_in_text_or_an_error(read):
    data = doc("Rules\rBoat\x07Fee\x07\x07end\r", margins="BH-7731\r")
    for size in range(0, len(data), 97):
        try:
            read(data[:size] or b"x", "a.doc")
        except (LoadError, IndexError, OSError):
            continue


def test_real_files_hold_what_their_docx_twins_hold(read):
    folder = Path(os.environ.get("RAG_SHARED_DATA", "")) / "documents" / "Unstructured-IO__unstructured"
    if "RAG_SHARED_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("RAG_SHARED_DATA names no folder of real documents")
    for name in ("simple", "duplicate-paragraphs", "fake-doc-emphasized-text"):
        old, new = (read((folder / f"{name}{suffix}").read_bytes(), f"a{suffix}").text for suffix in (".doc", ".docx"))
        assert [w for w in old.split() if w.isalnum()] == [w for w in new.split() if w.isalnum()]
