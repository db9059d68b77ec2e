"""PPTX: a slide is a page, its title a heading."""

from __future__ import annotations


def test_slides(read, maker):
    parsed = read(maker.pptx(), "deck.pptx")
    assert parsed.title == "Harbour report"
    assert parsed.text == (
        "Harbour report\n\nThird quarter\n\nShips\n\nPort: Emden | Ships: 41\n\nNotes: Say this slowly."
    )
    assert [(s.heading, s.page) for s in parsed.sections] == [(("Harbour report",), 1)] + 3 * [(("Ships",), 2)]
    assert parsed.metadata["slides"] == 2
