"""Stream an answer to a terminal, sentence by sentence; nothing is printed twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..plain_text import one_line, safe

if TYPE_CHECKING:
    from rich.console import Console

    from rag.answers import Answer
    from rag.generation.answer_stream import AnswerStream

_WORD = re.compile(r"\n|[^\S\n]+|\S+")


def streamed(stream: AnswerStream, console: Console) -> tuple[Answer, bool]:
    """Print each checked sentence as it comes; return the answer, and whether its text is now on the terminal.

    It is not where the bot took back what the model had said: no passage supported any of it, or the model failed.
    """
    writer, told = _Writer(console), ""
    with stream, console.status("reading", spinner="dots") as waiting:
        for piece in stream:
            waiting.stop()
            writer.write(safe(piece))
            told += piece
    writer.end()
    whole = told == stream.answer.text
    if told and not whole:
        console.print(f"\n(taken back: {one_line(stream.answer.reason)})\n", style="yellow")
    return stream.answer, whole


def searched_for(asked: str, searched: str) -> str:
    """Return how a person is told that another question was searched for than the one asked; "" where none was."""
    same = " ".join(asked.split()).casefold() == " ".join(searched.split()).casefold()
    return "" if same or not searched else f"(searched for: {one_line(searched, 300)})"


class _Writer:
    """Prints words as they come, wrapped at spaces.

    Nothing is ever drawn over: a live display taller than the terminal leaves a copy of itself at every refresh.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._column = 0
        self._space = ""

    def write(self, text: str) -> None:
        from rich.cells import cell_len

        line = ""
        for word in _WORD.findall(text):
            if word == "\n":
                line, self._column, self._space = f"{line}\n", 0, ""
            elif word.isspace():
                self._space += word
            else:
                width = cell_len(self._space) + cell_len(word)
                if self._column and self._column + width > self._console.width:
                    line, self._column, self._space = f"{line}\n", 0, ""
                line += self._space + word
                self._column += cell_len(self._space) + cell_len(word)
                self._space = ""
        self._console.print(line, end="", soft_wrap=True)

    def end(self) -> None:
        if self._column:
            self._console.print()
            self._column, self._space = 0, ""
