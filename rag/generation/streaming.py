"""Texts that arrive piece by piece, with the whole at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .language_model import Completion

if TYPE_CHECKING:
    from ..answers import Answer

Whole = TypeVar("Whole")


class Cancellation:
    """Stops all that is watched when it is called, and at once what is watched later. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: list[Callable[[], object]] = []
        self._called = False

    def watch(self, stop: Callable[[], object]) -> None:
        """Have something stopped, by calling ``stop``."""
        with self._lock:
            self._stops.append(stop)
            called = self._called
        if called:
            stop()

    @property
    def called(self) -> bool:
        """Whether it has been called."""
        return self._called

    def __call__(self) -> None:
        """Stop everything."""
        with self._lock:
            self._called = True
            stops = tuple(self._stops)
        for stop in stops:
            stop()


class Stream(Iterator[str], Generic[Whole]):
    """What `CompletionStream` and `AnswerStream` share.

    Parameters
    ----------
    pieces
        Gives the pieces, and returns the whole.
    cancel
        Stops the model from any thread; the pieces then come to their end in a moment.
    """

    def __init__(self, pieces: Generator[str, None, Whole], cancel: Callable[[], object] = lambda: None) -> None:
        self._pieces = pieces
        self.cancel = cancel
        self._whole: Whole | None = None

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            if end.value is not None:
                self._whole = end.value
            raise StopIteration from None

    @property
    def whole(self) -> Whole:
        """What there is at the end.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        if self._whole is None:
            raise RuntimeError("read the stream to its end before asking for the whole")
        return self._whole

    def read(self) -> Whole:
        """Read to the end and return the whole; nothing goes on where that is broken off."""
        with self:
            for _ in self:
                pass
        return self.whole

    def close(self) -> None:
        """Stop the model within a moment; what it has not written is never written. Any thread may call it."""
        self.cancel()
        with suppress(ValueError):  # another thread waits for a piece, and ends by the line above
            self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CompletionStream(Stream[Completion]):
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
        return self.whole


class AnswerStream(Stream["Answer"]):
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
        return self.whole
