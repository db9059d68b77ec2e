"""An answer on a terminal: printed once, wrapped at spaces, harmless."""

from __future__ import annotations

import io
import re
from collections.abc import Generator

import pytest
from rich.console import Console

from pipelines.cli.streaming_output import streamed
from rag.answers import Answer
from rag.generation.answer_stream import AnswerStream

TEXT = "Water boils. [1] Tea:\n\n```py\nif hot:\n    wait(60)\n```\n[2] 日本語のお茶は八十度です。 [3]"


def told(text: str, size: int, *, width: int = 24, answer: str | None = None) -> tuple[str, bool]:
    def pieces() -> Generator[str, None, Answer]:
        yield from (text[at : at + size] for at in range(0, len(text), size))
        return Answer("?", text if answer is None else answer, reason="nothing bears it out")

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, highlight=False, markup=False)
    _, whole = streamed(AnswerStream(pieces()), console)
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", out.getvalue()), whole


@pytest.mark.parametrize("size", [7, 30, 1000])
def test_every_word_once_and_no_line_too_wide(size: int) -> None:
    from rich.cells import cell_len

    text = " ".join(f"word{n}" for n in range(60))
    words = text.split(" ")
    # Pieces are sentences: they end between words.
    cut = " ".join(words)
    said, whole = told(cut, len(cut) if size == 1000 else 6 * size)
    assert whole
    shown = said[said.index("word0") :]
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", cut)
    assert max(cell_len(line) for line in shown.splitlines()) <= 24


def test_code_keeps_its_lines_and_wide_characters_count_double() -> None:
    said, _ = told(TEXT, 1000, width=40)
    assert "```py\nif hot:\n    wait(60)\n```\n" in said
    assert "日本語のお茶は八十度です。" in said


def test_what_is_taken_back_is_said_so_and_controls_do_nothing() -> None:
    said, whole = told("Evil\x1b]0;title\x07 \x9b2J text.", 1000, width=80, answer="The documents do not answer this.")
    assert not whole
    assert "(taken back: nothing bears it out)" in said
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert "\x07" not in said
