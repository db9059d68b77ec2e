"""Boxes: where on its page a span of a text stands; known of pages that were read by OCR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Box:
    """The rectangle of a line of text on its page as it is shown, turned as the file says.

    Attributes
    ----------
    start, end
        Character offsets into ``Document.text``, half open.
    page
        1-based.
    left, top, right, bottom
        Shares of the page's width and height, from its upper left corner: times the size in which a page is drawn they
        are pixels, whatever its resolution.
    """

    start: int
    end: int
    page: int
    left: float
    top: float
    right: float
    bottom: float


def box_rows(boxes: Iterable[Box]) -> list[list[int]]:
    """Return boxes as short JSON: the rectangle in ten-thousandths of the page."""
    return [
        [b.start, b.end, b.page, *(round(_PARTS * share) for share in (b.left, b.top, b.right, b.bottom))]
        for b in boxes
    ]


def boxes_of(rows: Iterable[Sequence[int]]) -> tuple[Box, ...]:
    """Return what `box_rows` made of boxes."""
    return tuple(Box(start, end, page, *(side / _PARTS for side in sides)) for start, end, page, *sides in rows)
