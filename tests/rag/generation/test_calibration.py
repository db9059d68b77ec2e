"""A stored calibration is read back whole, or refused in words: never used half."""

from __future__ import annotations

import json

import pytest

from rag import Answer
from rag.errors import StoreCorrupt
from rag.generation.calibration import SIGNALS, Calibration

N = len(SIGNALS)
WHOLE = Calibration((0.0,) * N, (1.0,) * N, (1.0, *(0.0,) * (N - 1)), -0.5, (-1.0, 1.0), (0.1, 0.9), 0.3, 40, 0.5)


def test_it_reads_back_and_judges_the_same():
    again = Calibration.from_json(WHOLE.as_json())
    assert again == WHOLE
    answer = Answer("q", "a", support=0.5)
    assert again.judge(answer) == WHOLE.judge(answer) == pytest.approx(0.3)  # half-way to the step, by -0.5 odds


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": [0.0] * (N - 1)},  # another version's signals
        {"weights": ["x"] * N},
        {"odds": [0.0]},
        {"odds": [], "probability": []},
        {"threshold": "high"},
        {"intercept": float("nan")},
        {"scale": None},
        {"unknown": 1},
    ],
)
def test_anything_else_is_refused(damage):
    with pytest.raises(StoreCorrupt, match="run `rag calibrate` again"):
        Calibration.from_json(json.dumps({**json.loads(WHOLE.as_json()), **damage}))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{"])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(StoreCorrupt, match="run `rag calibrate` again"):
        Calibration.from_json(text)
