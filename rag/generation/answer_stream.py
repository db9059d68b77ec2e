"""An answer that arrives sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from ..answers import Answer


class AnswerStream(Iterator[str]):
    """The checked sentences of an answer as they come; `answer` is the whole.

    The pieces joined are the answer's text, unless nothing in it was supported and it was withheld: the answer rules.
    """

    def __init__(self, pieces: Iterator[str | Answer], answer: Answer | None = None) -> None:
        self._pieces = pieces
        self._answer = answer

    def __next__(self) -> str:
        piece = next(self._pieces)
        if isinstance(piece, Answer):
            self._answer = piece
            raise StopIteration
        return piece

    @property
    def answer(self) -> Answer:
        """The whole answer, with citations, support and usage.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        if self._answer is None:
            raise RuntimeError("read the stream to its end before asking for its answer")
        return self._answer

    def close(self) -> None:
        """Stop the model; what it has not written is never written."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
