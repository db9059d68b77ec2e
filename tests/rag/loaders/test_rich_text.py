"""RTF: text, tables, notes, page headers, hidden and deleted text."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError


def test_what_stands_aside_of_the_text(read):
    source = (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}"
        r"{\info{\title Rules}{\author Zo\'eb}{\creatim\yr2024\mo5\dy1\hr12\min30}}"
        r"{\header BH-7731\par}{\footer {\field{\*\fldinst PAGE}{\fldrslt 7}}\par}"
        r"Shut at nine.{\footnote Not on {\i Sundays}.}\par {\v secret}{\deleted old rule}{\b\v0 Shown.}\par"
        r"\trowd\cellx100\cellx200 Boat\intbl\cell Fee\intbl\cell\row"
        r"\trowd\cellx100\cellx200 Canoe\intbl\cell 10\intbl\cell\row }"
    )
    parsed = read(source.encode(), "a.rtf")
    assert parsed.text == "Shut at nine.\n\nShown.\n\nBoat: Canoe | Fee: 10\n\nBH-7731\n\nNot on Sundays."
    assert parsed.title == "Rules"
    assert parsed.metadata == {"author": "Zo\u00eb", "created": "2024-05-01T12:30:00+00:00"}
    assert parsed.account.left_out == {"hidden": 1, "deleted": 2, "header-footer": 1}


def test_letters_of_another_code_page(read):
    source = (
        rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset204 Arial;}}\f0 \'cf\'f0\'e8{\footnote \f0 \'e2\'e5\'f2}\par}"
    )
    assert read(source, "a.rtf").text == "При\n\nвет"


@pytest.mark.parametrize("tail", ["", "{" * 5000, r"{\v " * 5000, r"\{\}\\}}}}"])
def test_unbalanced_braces(read, tail):
    assert "Text." in read((r"{\rtf1\ansi Text.\par " + tail).encode(), "a.rtf").text


def test_not_rtf(read):
    with pytest.raises(LoadError, match="not RTF"):
        read(b"just words", "a.rtf")
