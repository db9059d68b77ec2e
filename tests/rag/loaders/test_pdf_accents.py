"""Accents drawn over letters, as TeX's older fonts do it."""

from __future__ import annotations

import pytest


def _page(maker, shown: str) -> bytes:
    """A page with what a content stream says in Helvetica, 12 points."""
    data = maker.pdf(["x"]).replace(b"/BaseFont", b"/Encoding /WinAnsiEncoding /BaseFont")
    begin, end = data.index(b"BT /F1"), data.index(b"ET", data.index(b"BT /F1")) + 2
    return data[:begin] + f"BT /F1 12 Tf 72 720 Td {shown} ET".encode("cp1252") + data[end:]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        # an accent is 4 wide of 12 points: back by the letter's width to stand over it
        ("[(f) -0 (u) 444 (\u00a8) 111 (r Jan)] TJ", "f\u00fcr Jan"),
        ("[(Jose) 444 (\u00b4) 111 ( und)] TJ", "Jos\u00e9 und"),
        ("[(\u00a8) 444 (u) (ber)] TJ", "\u00fcber"),
        ("[(Norway\u00b4s north)] TJ", "Norway\u00b4s north"),  # typed, not drawn over
        ("[(x) 444 (\u00a8) 111 (q)] TJ", None),  # no letter of Unicode: as it was
    ],
)
def test_accents_join_the_letters_that_they_stand_over(read, maker, shown, text):
    parsed = read(_page(maker, shown), "a.pdf")
    assert text is None or parsed.text == text
    assert not parsed.account.unaccounted
