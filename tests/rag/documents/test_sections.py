"""The place of a character, and sections as JSON."""

from __future__ import annotations

import json

from rag.documents.sections import Section, row_at, section_at, section_rows, sections_of, sections_within

TEXT = "Head\nrow two\nrow three\n\nafter"
SECTIONS = (Section(0, 4, ("A",), 1), Section(5, 22, ("A",), 1, row=2, table=1, columns="x | y"), Section(24, 29))


def test_the_place_of_each_character() -> None:
    assert section_at(SECTIONS, 0) is SECTIONS[0]
    assert section_at(SECTIONS, 4) is None
    assert section_at(SECTIONS, 21) is SECTIONS[1]
    assert section_at(SECTIONS, 29) is None
    assert section_at((), 0) is None


def test_the_sections_of_a_span() -> None:
    assert sections_within(SECTIONS, 3, 6) == SECTIONS[:2]
    assert sections_within(SECTIONS, 4, 5) == ()
    assert sections_within(SECTIONS, 6, 24) == SECTIONS[1:2]
    assert sections_within(SECTIONS, 0, 29) == SECTIONS


def test_each_line_of_a_table_is_a_row_of_the_file() -> None:
    table = SECTIONS[1]
    assert [row_at(table, TEXT, TEXT.index(words)) for words in ("row two", "two", "row three")] == [2, 2, 3]
    assert row_at(SECTIONS[0], TEXT, 0) is None


def test_rows_are_counted_in_a_part_of_the_text_too() -> None:
    begin = TEXT.index("three")
    assert row_at(SECTIONS[1], TEXT[2:], begin - 2, offset=2) == 3
    later = Section(13, 22, row=3)
    assert row_at(later, TEXT[5:], begin - 5, offset=5) == 3


def test_sections_survive_json_and_short_ones_stay_short() -> None:
    rows = json.loads(json.dumps(section_rows(SECTIONS)))
    assert sections_of(rows) == SECTIONS
    assert rows[0] == [0, 4, ["A"], 1]
