"""Text of pictures, by RapidOCR: PaddleOCR's models out of the wheel, on onnxruntime, without a network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..documents.boxes import Box
from .formats import Untyped
from .results import Parsed

INSTALL = "pip install 'rag-workbench[ocr]'"

LONGEST = 2200
"""Pixels of the longer side of a picture; what is larger is to be scaled down to it."""

_SIDES = (1120, 800)  # pixels in which lines are looked for; the second one if memory does not suffice
_DOUBTFUL = 0.7
_FEWEST = 3  # letters and digits
_GAP = 1.5  # heights of a line between two pieces of one

Picture = NDArray[np.uint8]
"""Rows of pixels of three bytes, red, green and blue: shape (height, width, 3)."""


Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom, in shares of a picture's width and height."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines of text in a picture with their places, and how sure the reader is of them on average: 0 to 1."""

    lines: tuple[str, ...] = ()
    confidence: float = 0.0
    places: tuple[Rectangle, ...] = ()


@cache
def available() -> bool:
    """Say whether the extra is installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def read_picture(picture: Picture) -> Reading:
    """Read the lines of a picture; one that makes little sense is tried lying on its sides and on its head."""
    reading = _read(picture)
    if reading.confidence >= _DOUBTFUL:
        return reading
    turned = [_turned(_read(np.ascontiguousarray(np.rot90(picture, turns))), turns) for turns in (1, 2, 3)]
    return max([reading, *turned], key=lambda each: each.confidence * sum(map(len, each.lines)))


def _turned(reading: Reading, turns: int) -> Reading:
    """Return what was read in a picture that `numpy.rot90` had turned, with its places before that."""
    places = reading.places
    for _ in range(turns):
        places = tuple((1 - bottom, left, 1 - top, right) for left, top, right, bottom in places)
    return replace(reading, places=places)


def with_boxes(parsed: Parsed, readings: Mapping[int, Reading]) -> Parsed:
    """Return a document with the boxes of the lines that were read on pages; what is not in its text has none."""
    boxes = [box for page, reading in readings.items() for box in _boxes(parsed, page, reading)]
    return replace(parsed, boxes=tuple(sorted(boxes, key=lambda box: box.start)))


def _boxes(parsed: Parsed, page: int, reading: Reading) -> Iterator[Box]:
    spans = [(section.start, section.end) for section in parsed.sections if section.page == page]
    at = 0
    for line, place in zip(reading.lines, reading.places, strict=True):
        words = line.strip().rstrip("-\u2010")  # a hyphen at a line's end may have gone
        after = (parsed.text.find(words, max(start, at), end) for start, end in spans)
        anywhere = (parsed.text.find(words, *span) for span in spans)  # lines that every page repeats go elsewhere
        start = next((found for found in (*after, *anywhere) if found >= 0), -1)
        if words and start >= 0:
            at = max(at, start + len(words))
            yield Box(start, start + len(words), page, *place)


def _read(picture: Picture) -> Reading:
    for side, last in zip(_SIDES, (False, True), strict=True):
        try:
            return _lines(_engine(side)(picture), *picture.shape[:2])
        except Exception as error:
            if last or "bad_alloc" not in str(error):
                raise
    raise AssertionError


@cache
def _engine(side: int) -> Untyped:
    from rapidocr import RapidOCR

    runtime = "EngineConfig.onnxruntime"
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": side,
            "Rec.rec_batch_num": 1,  # more at once take more memory than a parser may have
            f"{runtime}.intra_op_num_threads": 1,
            f"{runtime}.inter_op_num_threads": 1,
            f"{runtime}.enable_cpu_mem_arena": False,
        }
    )


def _lines(found: Untyped, height: int, width: int) -> Reading:
    """Put the pieces that stand side by side into one line."""
    if sum(map(str.isalnum, "".join(found.txts or ()))) < _FEWEST:
        return Reading()  # a frame or a stain
    pieces = [(*box.min(axis=0), *box.max(axis=0)) for box in np.asarray(found.boxes)]
    lines, places = [found.txts[0]], [pieces[0]]
    for (before, here), text in zip(itertools.pairwise(pieces), found.txts[1:], strict=True):
        tall = before[3] - before[1]
        level = abs((here[1] + here[3]) - (before[1] + before[3])) < tall
        if level and 0 <= here[0] - before[2] < _GAP * tall:
            lines[-1] += f" {text}"
            places[-1] = (*np.minimum(places[-1][:2], here[:2]), *np.maximum(places[-1][2:], here[2:]))
        else:
            lines.append(text)
            places.append(here)
    shares = np.clip(np.array(places) / (width, height, width, height), 0, 1).tolist()
    return Reading(tuple(lines), float(np.mean(found.scores)), tuple(map(tuple, shares)))
