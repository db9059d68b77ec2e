"""Accents that a PDF draws over letters as characters of their own, as in TeX's older fonts, join their letters."""

from __future__ import annotations

import unicodedata

from .formats import Untyped
from .scripts import MARKS

_MARKS = dict(zip("`\u00b4\u02c6\u02dc\u00a8\u02c7\u02d8\u02d9\u02da\u02dd\u00b8\u02db",
                  "\u0300\u0301\u0302\u0303\u0308\u030c\u0306\u0307\u030a\u030b\u0327\u0328", strict=True))  # fmt: skip
_BELOW = frozenset("\u00b8\u02db")
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
_INVISIBLE = f"\u00a0\ufffe\uffff{MARKS}"
_NEAR = 12  # characters between an accent and its letter, in the order in which PDFium gives them
_GAP = 0.15  # of a letter's height: less does not part words
_ASIDE = 0.25  # of a letter's width between its middle and its accent's

Box = tuple[float, float, float, float]


def with_accents(text: str, textpage: Untyped) -> str:
    """Return a page's text with accents joined to the letters that they stand over, where Unicode has that letter."""
    if not any(mark in text for mark in _MARKS):
        return text
    page = _Page(text, textpage)
    for at, letter in enumerate(page.letters):
        if letter in _MARKS:
            page.join(at)
    return "".join(page.parts)


class _Page:
    """The visible characters of a page, where each is in the text, and where PDFium sees it on the page."""

    def __init__(self, text: str, textpage: Untyped) -> None:
        from pypdfium2.raw import FPDFText_GetUnicode

        self._textpage = textpage
        self.parts = list(text)
        self._places = [i for i, letter in enumerate(text) if _visible(letter)]
        count = textpage.count_chars()
        self._indices = [i for i in range(count) if _visible(chr(FPDFText_GetUnicode(textpage, i)))]
        seen = "".join(chr(FPDFText_GetUnicode(textpage, i)) for i in self._indices)
        self.letters = seen if seen == "".join(text[i] for i in self._places) else ""

    def _box(self, at: int) -> Box:
        left, bottom, right, top = self._textpage.get_charbox(self._indices[at])
        return left, bottom, right, top

    def join(self, at: int) -> None:
        """Join an accent to the letter under it, if there is one."""
        mark, box = self.letters[at], self._box(at)
        around = range(max(at - _NEAR, 0), min(at + _NEAR + 1, len(self.letters)))
        for near in sorted(around, key=lambda i: abs(i - at)):
            base = self.parts[self._places[near]]
            whole = unicodedata.normalize("NFC", _DOTLESS.get(base, base) + _MARKS[mark])
            if base.isalpha() and len(whole) == 1 and _over(box, self._box(near), below=mark in _BELOW):
                self.parts[self._places[near]] = whole
                self._remove(at)
                return

    def _remove(self, at: int) -> None:
        """Take an accent out, and the spaces beside it unless words are parted there."""
        place = self._places[at]
        self.parts[place] = ""
        first, last = place, place
        while first and self.parts[first - 1] in {"", " "}:
            first -= 1
        while last + 1 < len(self.parts) and self.parts[last + 1] in {"", " "}:
            last += 1
        if 0 < at < len(self.letters) - 1 and first and last + 1 < len(self.parts):
            before, after = self._box(at - 1), self._box(at + 1)
            parted = after[0] - before[2] > _GAP * max(after[3] - after[1], before[3] - before[1])
            spaced = " " in self.parts[first : last + 1]
            self.parts[first : last + 1] = [" " * (parted and spaced), *[""] * (last - first)]


def _visible(letter: str) -> bool:
    return letter > " " and letter not in _INVISIBLE and not letter.isspace()


def _over(mark: Box, letter: Box, *, below: bool) -> bool:
    """Say whether a mark stands over (or under) a letter, as in one glyph."""
    height, aside = letter[3] - letter[1], abs(mark[0] + mark[2] - letter[0] - letter[2]) / 2
    if aside > _ASIDE * (letter[2] - letter[0]):
        return False
    if below:
        return mark[1] < letter[1] and mark[3] > letter[1] - 0.3 * height
    return mark[3] > letter[3] and letter[1] + 0.4 * height < mark[1] < letter[3] + 0.25 * height
