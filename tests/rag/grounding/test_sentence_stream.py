"""Sentences of a text that comes in pieces."""

from __future__ import annotations

import pytest

from rag.grounding.sentence_stream import Writing

CODE = "2a8f244845336069"
ECHOED = f"<<<{CODE} 1\nTea is steeped. [1]\n{CODE} 1>>>\n\n<<<{CODE} 12\nIt cools. [2]\n{CODE} 12>>>"


def written(text: str, size: int) -> list[str]:
    writing = Writing(100)
    parts = [text[i : i + size] for i in range(0, len(text), size)]
    found = [each for part in parts for each in writing.feed(part)]
    return [each.text.strip() for each in [*found, *writing.rest(incomplete=False)]]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_around_passages_that_a_model_writes_again_are_left_out(size: int) -> None:
    assert written(ECHOED, size) == ["Tea is steeped.", "It cools."]


@pytest.mark.parametrize("size", [1, 1000])
def test_codes_in_an_answer_stay(size: int) -> None:
    text = f"The key is {CODE} 1. It shifts: a <<< 3."
    assert "".join(written(text, size)).replace(" ", "") == text.replace(" ", "")
