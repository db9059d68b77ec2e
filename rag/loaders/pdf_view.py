"""A page of a PDF as a picture, and where spans of its text are on it; runs in the process that can be killed."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .errors import LoadError
from .formats import Untyped, format_of
from .frames import Message
from .pdf_pages import opened, page_text
from .pdf_rectangles import characters_of_span, rectangles
from .reading import read_file

_LONGEST = 4000
"""Pixels of a picture's longer side."""


def view(path: str, asked: Message) -> Iterator[Message]:
    """Yield what is asked of a PDF: ``{"sha256", "page", "width"}`` a picture, ``{"sha256", "spans"}`` rectangles.

    A span is the 1-based page, the document's text of that page, and where in it the span begins and ends.
    """
    data = read_file(path, format_of("pdf").limit)
    if hashlib.sha256(data).hexdigest() != asked["sha256"]:
        raise LoadError("io", CHANGED)
    pdf = opened(data)
    if "spans" in asked:
        for number, text, start, end in cast("list[tuple[int, str, int, int]]", asked["spans"]):
            yield {"kind": "view", **_marks(_page(pdf, number), text, start, end)}
    else:
        yield {"kind": "view", "png": base64.b64encode(_picture(_page(pdf, int(str(asked["page"]))), asked)).decode()}


CHANGED = "the file has changed since it was read"


def _page(pdf: Untyped, number: int) -> Untyped:
    if not 1 <= number <= len(pdf):
        raise LoadError("parse", f"there is no page {number}; it has {len(pdf)}")
    return pdf[number - 1]


def _marks(page: Untyped, text: str, start: int, end: int) -> Message:
    textpage = page_text(page)
    found = characters_of_span(text, start, end, textpage)
    boxes = [] if found is None else rectangles(page, textpage, *found)
    return {"size": list(page.get_size()), "rectangles": [list(each) for each in boxes]}


def _picture(page: Untyped, asked: Message) -> bytes:
    across, down = page.get_size()
    scale = min(int(str(asked["width"])) / across, _LONGEST / max(across, down))
    bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
    return png(np.ascontiguousarray(bitmap.to_numpy()[:, :, :3]))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture of bytes, shape (height, width, 3), as a PNG."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 4)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
