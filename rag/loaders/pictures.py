"""Pictures of text: scans and photographs, read by OCR."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import numpy as np

from ..documents.document import Field
from .draft import Draft
from .errors import LoadError
from .formats import ParseContext
from .ocr import LONGEST, Reading, read_picture, with_boxes
from .pdf_lines import rejoin
from .results import Parsed

_MOST_PIXELS = 60_000_000
_MOST_PAGES = 200


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read the text in a picture; pages of a TIFF file are pages."""
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            image = Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
        raise LoadError("parse", f"not a readable picture: {error}") from None
    if image.width * image.height > _MOST_PIXELS:
        raise LoadError("limit", f"{image.width} x {image.height} pixels; pictures of up to {_MOST_PIXELS:,} are read")
    draft = Draft(context.budget)
    readings: dict[int, Reading] = {}
    for number, frame in enumerate(ImageSequence.Iterator(image), 1):
        if number > _MOST_PAGES or (number > 1 and not context.enter(f"{context.prefix}page {number}")):
            break
        frame.draft("RGB", (LONGEST, LONGEST))
        page = frame.convert("RGB")
        page.thumbnail((LONGEST, LONGEST))
        readings[number] = reading = read_picture(np.asarray(page))
        draft.page(number)
        draft.block(rejoin(reading.lines))
        if image.format != "TIFF":
            break
    fields: dict[str, Field] = {"ocr_confidence": [round(each.confidence, 3) for each in readings.values()]}
    parsed = draft.parsed(context.stem_title, fields)
    if not parsed.text:
        raise LoadError("empty", "no text in the picture")
    yield with_boxes(parsed, readings)
