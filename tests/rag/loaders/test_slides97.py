"""PPT of PowerPoint 97-2003: slides, titles, notes, hidden slides, older versions."""

from __future__ import annotations

import pytest
from compound_files import compound, ppt

from rag.loaders.errors import LoadError


def test_slides(read):
    slides = [
        {"title": "Tides", "body": "High water\rtwice a day", "notes": "Say it slowly."},
        {"title": "Spare", "body": "not shown", "hidden": "1"},
        {"title": "Boats", "body": "Canoe"},
    ]
    parsed = read(ppt(slides, older="what the first slide said before"), "a.ppt")
    assert parsed.text == "Tides\n\nHigh water\ntwice a day\n\nNotes: Say it slowly.\n\nBoats\n\nCanoe"
    assert [(s.heading, s.page) for s in parsed.sections] == [(("Tides",), 1), (("Boats",), 3)]
    assert parsed.account.remarks == ("slide 2 is hidden and left out",)
    assert parsed.account.left_out == {"hidden": 3, "deleted": 6}
    assert parsed.metadata["slides"] == 3


def test_comments_and_footers(read):
    slides = [{"title": t, "body": "Canoe", "comment": "Who says?", "footer": "Harbour"} for t in ("Boats", "Rafts")]
    text = read(ppt(slides), "a.ppt").text
    assert text == "Boats\n\nCanoe\n\nComment: Who says?\n\nRafts\n\nCanoe\n\nComment: Who says?\n\nHarbour"


def test_broken(read):
    with pytest.raises(LoadError, match="broken"):
        read(compound({"PowerPoint Document": b"", "Current User": bytes(8)}), "a.ppt")
