"""Text of pictures, by RapidOCR: PaddleOCR's models out of the wheel, on onnxruntime, without a network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from .formats import Untyped

INSTALL = "pip install 'rag-workbench[ocr]'"

LONGEST = 2200
"""Pixels of the longer side of a picture; what is larger is to be scaled down to it."""

_SIDES = (1120, 800)  # pixels in which lines are looked for; the second one if memory does not suffice
_DOUBTFUL = 0.7
_FEWEST = 3  # letters and digits
_GAP = 1.5  # heights of a line between two pieces of one

Picture = NDArray[np.uint8]
"""Rows of pixels of three bytes, red, green and blue: shape (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines of text in a picture, and how sure the reader is of them on average: 0 to 1."""

    lines: tuple[str, ...] = ()
    confidence: float = 0.0


@cache
def available() -> bool:
    """Say whether the extra is installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def read_picture(picture: Picture) -> Reading:
    """Read the lines of a picture; one that makes little sense is tried lying on its sides and on its head."""
    reading = _read(picture)
    if reading.confidence >= _DOUBTFUL:
        return reading
    turned = [_read(np.ascontiguousarray(np.rot90(picture, turns))) for turns in (1, 2, 3)]
    return max([reading, *turned], key=lambda each: each.confidence * sum(map(len, each.lines)))


def _read(picture: Picture) -> Reading:
    for side, last in zip(_SIDES, (False, True), strict=True):
        try:
            return _lines(_engine(side)(picture))
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


def _lines(found: Untyped) -> Reading:
    """Put the pieces that stand side by side into one line."""
    if sum(map(str.isalnum, "".join(found.txts or ()))) < _FEWEST:
        return Reading()  # a frame or a stain
    pieces = [(box[:, 0].min(), box[:, 0].max(), box[:, 1].min(), box[:, 1].max()) for box in np.asarray(found.boxes)]
    lines = [found.txts[0]]
    for (before, here), text in zip(itertools.pairwise(pieces), found.txts[1:], strict=True):
        height = before[3] - before[2]
        level = abs((here[2] + here[3]) - (before[2] + before[3])) < height
        if level and 0 <= here[0] - before[1] < _GAP * height:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return Reading(tuple(lines), float(np.mean(found.scores)))
