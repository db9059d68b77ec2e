"""Texts that arrive piece by piece, with the whole at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .language_model import Completion

if TYPE_CHECKING:
    from ..answers import Answer

Whole = TypeVar("Whole")


class _Stream(Iterator[str], Generic[Whole]):
    def __init__(self, pieces: Generator[str, None, Whole], cancel: Callable[[], object] = lambda: None) -> None:
        self._pieces = pieces
        self._cancel = cancel
        self._whole: Whole | None = None

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            if end.value is not None:
                self._whole = end.value
            raise StopIteration from None

    def _read(self, what: str) -> Whole:
        if self._whole is None:
            raise RuntimeError(f"read the stream to its end before asking for its {what}")
        return self._whole

    def close(self) -> None:
        """Stop the model within a moment; what it has not written is never written. Any thread may call it."""
        self._cancel()
        with suppress(ValueError):  # another thread waits for a piece, and ends by the line above
            self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CompletionStream(_Stream[Completion]):
    """Pieces of a text as a model writes them; `completion` says at the end how it went.

    A stream that breaks after its first piece ends early and is marked ``incomplete`` with the reason; one that breaks
    before raises, as `LanguageModel.complete` does.

    Examples
    --------
    >>> from rag.testing import ScriptedGenerator
    >>> from rag import Message
    >>> stream = ScriptedGenerator(["Good morning."]).stream([Message("user", "Hello")])
    >>> "".join(stream), stream.completion.incomplete
    ('Good morning.', False)
    """

    @property
    def completion(self) -> Completion:
        """The whole of it: text, usage, whether it is complete.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        return self._read("completion")


class AnswerStream(_Stream["Answer"]):
    """The checked sentences of an answer as they come; `answer` is the whole.

    The pieces joined are the answer's text, unless nothing in it was supported and it was withheld: the answer rules.
    """

    @property
    def answer(self) -> Answer:
        """The whole answer, with citations, support and usage.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        return self._read("answer")
