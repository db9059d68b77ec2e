"""Rectangles of a span of text on its PDF page: exact, or none.

The text of a document is not what PDFium gives of its pages: lines are rejoined, hyphens at line ends dropped, accents
joined to their letters, repeated headers left out. So both sides are compared by their letters alone, and the span is
looked for with as much of the text around it as makes it the only one of its kind, in the text and on the page.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from typing import NamedTuple

from .formats import Untyped
from .pdf_scripts import written_characters

_DROPPED = frozenset(
    "-\u00ad\u2010\u2011\ufffe\ufffd\x02`\u00b4\u02c6\u02dc\u00a8\u02c7\u02d8\u02d9\u02da\u02dd\u00b8\u02db\u00af"
)
_OTHERS = {"\u0131": "i", "\u0237": "j"}
_CONTEXTS = (0, 16, 64, 256, 1024, 1 << 30)
"""Letters on either side that are tried, until there is only one place."""
_SCALE = 1 << 16
_LEVEL = 0.6
"""Two rectangles that share so much of the lower one's height are of one line."""

_GAP = 1.5
"""White space within a line, in heights of the taller neighbour: a space is narrower, and the way to a column wider."""

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of the page as it is shown."""


class _Letters(NamedTuple):
    """The letters of a text, and the place of each in it."""

    text: str
    places: list[int]


def _letters(text: str) -> _Letters:
    found, places = [], []
    for at, character in enumerate(text):
        for letter in unicodedata.normalize("NFKD", _OTHERS.get(character, character)):
            if letter not in _DROPPED and unicodedata.category(letter)[0] not in "CZM":
                found.append(letter)
                places.append(at)
    return _Letters("".join(found), places)


def span_on_page(text: str, start: int, end: int, page: str) -> tuple[int, int] | None:
    r"""Return which characters of a page are a span of a text; None where that is not certain.

    Parameters
    ----------
    text
        What the document has of the page.
    start, end
        The span in it, half open.
    page
        The characters of the page, one for each that PDFium counts.

    Examples
    --------
    >>> span_on_page("warm climate", 5, 12, "warm cli\ufffemate")
    (5, 13)
    >>> span_on_page("tea or tea", 7, 10, "tea for two") is None
    True
    """
    own, shown = _letters(text), _letters(page)
    first, last = bisect_left(own.places, start), bisect_left(own.places, end)
    if first == last:
        return None
    for more in _CONTEXTS:
        a, b = max(0, first - more), min(len(own.text), last + more)
        words = own.text[a:b]
        at = shown.text.find(words)
        if at < 0:
            return None
        if shown.text.find(words, at + 1) < 0 and own.text.find(words) == a and own.text.find(words, a + 1) < 0:
            return shown.places[at + first - a], shown.places[at + last - a - 1] + 1
    return None


def characters_of_span(text: str, start: int, end: int, textpage: Untyped) -> tuple[int, int] | None:
    """Return which characters of a page are a span of a text, as `span_on_page`; powers are marked in it, or not."""
    page = page_characters(textpage)
    shown, places = written_characters(page, textpage)
    found = span_on_page(text, start, end, shown)
    if found is None:
        return None if shown == page else span_on_page(text, start, end, page)
    return places[found[0]], places[found[1] - 1] + 1


def page_characters(textpage: Untyped) -> str:
    """Return the characters of a page, one for each that PDFium counts."""
    from pypdfium2.raw import FPDFText_GetUnicode

    codes = (FPDFText_GetUnicode(textpage, i) for i in range(textpage.count_chars()))
    return "".join(chr(code) if code <= 0x10FFFF else "\ufffd" for code in codes)


def rectangles(page: Untyped, textpage: Untyped, start: int, end: int) -> list[Rectangle]:
    """Return PDFium's own rectangles of a run of a page's characters; those that touch within a line are joined."""
    lines: list[Rectangle] = []
    for number in range(textpage.count_rects(start, end - start)):
        box = textpage.get_rect(number)
        if lines and _same_line(lines[-1], box):
            lines[-1] = _around(lines[-1], box)
        elif box[0] < box[2] and box[1] < box[3]:
            lines.append(box)
    return [_sides(page, *line) for line in lines]


def _sides(page: Untyped, left: float, bottom: float, right: float, top: float) -> Rectangle:
    (x0, y0), (x1, y1) = _shown(page, left, bottom), _shown(page, right, top)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _shown(page: Untyped, x: float, y: float) -> tuple[float, float]:
    """Return where a point of a page is shown: turned and cropped as the file says."""
    from ctypes import byref, c_int

    from pypdfium2.raw import FPDF_PageToDevice

    across, down = c_int(), c_int()
    FPDF_PageToDevice(page, 0, 0, _SCALE, _SCALE, 0, x, y, byref(across), byref(down))
    return across.value / _SCALE, down.value / _SCALE


def _same_line(a: Rectangle, b: Rectangle) -> bool:
    shared = min(a[3], b[3]) - max(a[1], b[1])
    heights = a[3] - a[1], b[3] - b[1]
    return shared > _LEVEL * min(heights) and max(a[0], b[0]) - min(a[2], b[2]) < _GAP * max(heights)


def _around(a: Rectangle, b: Rectangle) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def has_letters(text: str) -> bool:
    """Say whether there is anything to mark in a text."""
    return bool(_letters(text).text)
