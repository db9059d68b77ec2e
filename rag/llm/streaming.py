"""Streams: texts that arrive piece by piece, with the whole at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, Protocol, Self, TypeVar

from ..background import in_background
from .language_model import Completion

Whole = TypeVar("Whole")
T = TypeVar("T")


class Start(Protocol):
    """Starts a function in a background thread, as `rag.background.in_background` and `Places.start` do."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]:
        """Return the future of its result."""
        ...


class Stream(Iterator[str], Generic[Whole]):
    """Base of `CompletionStream` and `rag.generation.answer_stream.AnswerStream`.

    Parameters
    ----------
    pieces
        Yields the pieces, and returns the whole.
    cancel
        Stops the model from any thread; the pieces then end within a moment.
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
        """The whole, once the stream has been read to its end.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        if self._whole is None:
            raise RuntimeError("read the stream to its end before asking for the whole")
        return self._whole

    def read(self) -> Whole:
        """Read to the end and return the whole; the model is stopped if that is interrupted."""
        with self:
            for _ in self:
                pass
        return self.whole

    def close(self) -> None:
        """Stop the model within a moment. Any thread may call it."""
        self.cancel()
        with suppress(ValueError):  # another thread waits for a piece; the line above ends that
            self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class CompletionStream(Stream[Completion]):
    """Pieces of a text as a model writes them; `completion` is the whole at the end.

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
        """The whole: text, usage, and whether it is complete; see `whole`."""
        return self.whole


async def in_thread(
    work: Callable[[], T], cancel: Callable[[], object] = lambda: None, start: Start = in_background
) -> T:
    """Run a function in a background thread; cancelling the await calls ``cancel``."""
    try:
        return await asyncio.wrap_future(start(work))
    except asyncio.CancelledError:
        cancel()
        raise


async def pieces_of(stream: Stream[T], start: Start = in_background) -> AsyncGenerator[str | T, None]:
    """Yield the pieces of a stream as they come, and the whole last; closing this generator stops the model."""
    loop = asyncio.get_running_loop()
    come: asyncio.Queue[str | Future[T]] = asyncio.Queue()

    def give(item: str | Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(come.put_nowait, item)

    def read() -> T:
        for piece in stream:
            give(piece)
        return stream.whole

    start(read).add_done_callback(give)
    try:
        while not isinstance(item := await come.get(), Future):
            yield item
        yield item.result()
    finally:
        stream.close()
