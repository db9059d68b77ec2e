"""Raised and lowered digits of PDF pages, found by their size and baseline; `scripts` has the rules for writing them.

PDFium gives 10 with a raised 6 as 106, and breaks the line beside it where it is raised by much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import hypot
from typing import NamedTuple

from .formats import Untyped
from .scripts import MARKS, lowered, raised, written

_DIGITS = re.compile(r"[0-9]+")
_NEAR = 48  # points: two characters beside one another are no farther apart
_VISIBLE = re.compile(r"\S")
_BREAK = "\r\n"
_LONGEST = 16
_NOTED = frozenset(".,;:!?%\"'\u201d\u2019\u00bb")
"""What the mark of a note may follow, besides words."""

_SLASHES = frozenset("/\u2044")
_POINTS = frozenset(".,;:!?)]")
_CLOSING = frozenset(")]")
_LESS = (0.4, 0.87)  # of the size before it: Chromium raises at .83, TeX at .7, Word at .65, LibreOffice at .58
_AS_LARGE = 1.02
_UP, _UP_AS_LARGE, _DOWN = (0.15, 0.8), (0.25, 0.6), (-0.5, -0.05)  # from baseline to baseline, of the size before it
_LEVEL = 0.05  # of a size: baselines that differ by less are one
_BESIDE, _SPACED, _FAR = 0.3, 0.15, 1.5  # of a size, between two glyphs


class _Glyph(NamedTuple):
    """Of a character: its size, how high its baseline is, and the direction that it runs in; lengths in points."""

    size: float
    level: float
    across: float
    down: float


class _Script(NamedTuple):
    """A raised or lowered run, half open, and the character on the line that it belongs to."""

    base: int
    start: int
    end: int
    up: bool


def with_scripts(text: str, textpage: Untyped) -> str:
    """Return a page's text with raised and lowered digits marked, and without line breaks beside them."""
    if len(text) != textpage.count_chars():  # characters that no font names are left out of it
        return text
    return "".join(_Page(text, textpage).parts()) or text


def written_lines(text: str) -> str:
    """Return a page's text with what is marked in it written plainly."""
    return "\n".join(map(written, text.split("\n")))  # most lines hold no mark


def written_characters(text: str, textpage: Untyped) -> tuple[str, list[int]]:
    """Return a page's characters as its document has them, and the index of each; of what is added, of one beside it.

    Parameters
    ----------
    text
        One character for each that PDFium counts.
    """
    parts = _Page(text, textpage).parts() or list(text)
    given = [(letter, i) for i, part in enumerate(parts) for letter in part if letter not in MARKS]
    shown, places, at = written_lines("".join(parts)), list[int](), 0
    for letter in shown:
        here = at < len(given) and given[at][0] == letter
        after = letter in _CLOSING or at == len(given)
        places.append(given[at - (after and not here)][1])
        at += here
    return shown, places


class _Page:
    """Looks at as few characters as it can: what PDFium is asked for costs more than reading the page's text."""

    def __init__(self, text: str, textpage: Untyped) -> None:
        from ctypes import byref, c_double

        from pypdfium2.raw import FS_MATRIX, FPDFText_GetCharOrigin, FPDFText_GetFontSize, FPDFText_GetMatrix

        self._text, self._textpage = text, textpage
        self._x, self._y = c_double(), c_double()
        self._asked = textpage.raw, byref(self._x), byref(self._y)
        self._origin = FPDFText_GetCharOrigin
        self._matrix = FS_MATRIX()
        self._matrix_asked, self._get_matrix, self._get_size = (
            byref(self._matrix),
            FPDFText_GetMatrix,
            FPDFText_GetFontSize,
        )
        self._glyphs: dict[int, _Glyph] = {}
        self._last: _Script | None = None
        self._level_from: float | None = None

    def parts(self) -> list[str]:
        """Return each character as it is to be written: marked, or nothing for a break in a line; none if all stays."""
        scripts = list(self._scripts())
        parts = list(self._text) if scripts else []
        for script in scripts:
            own = self._text[script.start : script.end]
            parts[script.start : script.end] = map(raised if script.up else lowered, own)
            for at, gap in self._breaks(script):
                parts[at : at + len(_BREAK)] = gap, ""
        return parts

    def _height(self, at: int) -> float:
        raw, x, y = self._asked
        self._origin(raw, at, x, y)
        return self._y.value

    def _scripts(self) -> Iterator[_Script]:
        text, line, level = self._text, -1, None
        for match in _DIGITS.finditer(text):
            start, end = match.span()
            if end - start == 1 and (not start or text[start - 1] == " "):
                continue  # it stands alone
            if start > line:
                line, level = text.find("\n", end), None
                line = len(text) if line < 0 else line
            height = self._height(end - 1)
            if height == level or (self._last and start < self._last.end):
                continue
            ends = [end - 1]
            if end - start > 1 and self._height(start) != height:
                heights = [*map(self._height, range(start, end))]
                ends = [
                    at for at in range(start, end) if at + 1 == end or heights[at + 1 - start] != heights[at - start]
                ]
            for at in ends:
                if script := self._script(at, height if at + 1 == end else self._height(at)):
                    self._last = script
                    yield script
                elif self._level_from is not None:
                    level = self._level_from

    def _script(self, at: int, height: float) -> _Script | None:
        """Return the script that a digit is in."""
        text = self._text
        first = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1
        broken = text[first - len(_BREAK) : first] == _BREAK
        level = self._height(first) == height and not (self._last and self._last.end > first)
        # All of a word of three characters is not raised.
        self._level_from = height if level and at - first > 1 else None
        if (level and not broken) or (level and not self._near(first - 1 - len(_BREAK), first)):
            return None
        if not level and self._plain_index(at):
            return None
        digit = self._glyph(at)
        start = at
        while start > first and at - start < _LONGEST and _level(digit, self._glyph(start - 1)):
            start -= 1
        before = start - 1 if start > first else start - 1 - len(_BREAK) if broken else -1
        base = self._base(before, start, at) if before >= 0 else -1
        if base < 0:
            return None
        stands = self._glyph(base)
        up = _raised(stands, digit)
        if up is None or (not up and not text[base].isalnum()):
            return None
        if start == first and not any(
            self._beside(each, start) for each in {base, before}
        ):  # two may be one above the other
            return None
        end = at + 1
        while end < len(text) and not text[end].isspace() and _level(digit, self._glyph(end)):
            end += 1
        return _Script(base, start, end, up) if end - start <= _LONGEST and not self._prime(start, end) else None

    def _near(self, before: int, after: int) -> bool:
        self._height(before)
        x, y = self._x.value, self._y.value
        self._height(after)
        return abs(self._x.value - x) + abs(self._y.value - y) < _NEAR

    def _plain_index(self, at: int) -> bool:
        """Say whether a digit is lowered after a letter, with nothing after it that this matters to."""
        if (
            not self._text[at - 1].isalpha()
            or self._text[at + 1 : at + 2].isdigit()
            or self._text[at + 1 : at + 2] == "\r"
        ):
            return False
        self._height(at - 1)
        x, y = self._x.value, self._y.value
        self._height(at)
        return 0 < y - self._y.value < self._x.value - x

    def _prime(self, start: int, end: int) -> bool:
        """Say whether it is TeX's prime, which PDFium gives as 0."""
        from ctypes import create_string_buffer

        from pypdfium2.raw import FPDFText_GetFontInfo

        zero = self._text.find("0", start, end)
        if zero < 0:
            return False
        name = create_string_buffer(64)
        FPDFText_GetFontInfo(self._asked[0], zero, name, len(name), None)
        return b"CMSY" in name.value.upper()

    def _base(self, before: int, start: int, at: int) -> int:
        """Return the character on the line that a script belongs to; -1 if nothing before it can have one."""
        letter, last = self._text[before], self._last
        slash = letter in _SLASHES
        if last and (before == last.end - 1 or (slash and not self._text[last.end : before].strip())):
            return last.base
        if letter in ".," and at > start and self._text[before - 1 : before].isdigit():
            return -1  # the cents of a price
        return before if letter.isalnum() or letter in _CLOSING or letter in _NOTED else -1

    def _breaks(self, script: _Script) -> Iterator[tuple[int, str]]:
        """Yield the line breaks beside a script that are within its line, and what takes their place."""
        if self._text[script.start - len(_BREAK) : script.start] == _BREAK:
            yield script.start - len(_BREAK), ""
        after = script.end + len(_BREAK)
        following = _VISIBLE.search(self._text, after)
        if self._text[script.end : after] != _BREAK or not following:
            return
        base, stands, after_at = self._glyph(script.base), self._glyph(following.start()), following.start()
        gap = self._gap(script.end - 1, after_at)
        if _level(base, stands, sizes=False) and -_BESIDE < gap / base.size < _FAR:
            spaced = after_at == after and gap > _SPACED * base.size and self._text[after_at] not in _POINTS
            yield script.end, " " * spaced

    def _beside(self, before: int, start: int) -> bool:
        return abs(self._gap(before, start)) < _BESIDE * self._glyph(before).size

    def _gap(self, before: int, after: int) -> float:
        """Return the white space between two characters of a line."""
        left, right = self._extent(before), self._extent(after)
        return right[0] - left[1]

    def _extent(self, at: int) -> tuple[float, float]:
        glyph, (left, bottom, right, top) = self._glyph(at), self._textpage.get_charbox(at)
        ends = [x * glyph.across + y * glyph.down for x in (left, right) for y in (bottom, top)]
        return min(ends), max(ends)

    def _glyph(self, at: int) -> _Glyph:
        if at in self._glyphs:
            return self._glyphs[at]
        raw = self._asked[0]
        self._height(at)
        self._get_matrix(raw, at, self._matrix_asked)
        a, b, c, d = self._matrix.a, self._matrix.b, self._matrix.c, self._matrix.d
        area, width = a * d - b * c, hypot(a, b) or 1.0
        level = (self._y.value * a - self._x.value * b) / width
        size = self._get_size(raw, at) * abs(area) / width
        glyph = self._glyphs[at] = _Glyph(size, -level if area < 0 else level, a / width, b / width)
        return glyph


def _level(a: _Glyph, b: _Glyph, *, sizes: bool = True) -> bool:
    """Say whether two characters are on one baseline, and of one size."""
    largest = max(a.size, b.size)
    return abs(a.level - b.level) < _LEVEL * largest and (not sizes or min(a.size, b.size) > _LESS[1] * largest)


def _raised(base: _Glyph, digit: _Glyph) -> bool | None:
    """Say whether a digit is raised or lowered beside what stands before it; None if it is neither."""
    if not base.size or abs(base.across - digit.across) + abs(base.down - digit.down) > _LEVEL:
        return None
    size, rise = digit.size / base.size, (digit.level - base.level) / base.size
    if _LESS[0] < size < _LESS[1]:
        return True if _UP[0] < rise < _UP[1] else False if _DOWN[0] < rise < _DOWN[1] else None
    return True if _LESS[1] <= size < _AS_LARGE and _UP_AS_LARGE[0] < rise < _UP_AS_LARGE[1] else None
