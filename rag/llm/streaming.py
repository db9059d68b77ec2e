"""Texts that arrive piece by piece, with the whole at the end."""

from __future__ import annotations

import asyncio
import contextvars
import math
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..deadlines import LEFT_BEHIND
from ..errors import OutOfTime
from .language_model import Completion

Whole = TypeVar("Whole")
T = TypeVar("T")


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


def pumped(
    pieces: Generator[str, None, Whole], cancel: Callable[[], object], *, left: Callable[[], float] = lambda: math.inf
) -> Generator[str, None, Whole]:
    """Yield what another generator yields, and return what it returns; whoever closes this one calls ``cancel``.

    Parameters
    ----------
    left
        Seconds that are left for all of it.

    Raises
    ------
    OutOfTime
        No piece came in that time; the other generator may go on unseen.
    """
    ready: queue.SimpleQueue[str | Future[Whole]] = queue.SimpleQueue()
    end: Future[Whole] = Future()

    def write() -> None:
        try:
            while True:
                ready.put(next(pieces))
        except StopIteration as stop:
            end.set_result(stop.value)
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            end.set_exception(error)
        ready.put(end)

    threading.Thread(target=write, name=LEFT_BEHIND, daemon=True).start()
    try:
        while not isinstance(item := _next(ready, left()), Future):
            yield item
        return item.result()
    finally:
        cancel()


def _next(ready: queue.SimpleQueue[str | Future[Whole]], seconds: float) -> str | Future[Whole]:
    try:
        return ready.get(timeout=None if seconds == math.inf else seconds)
    except queue.Empty:
        raise OutOfTime(f"nothing came in {seconds:.3g} s") from None


async def in_thread(work: Callable[[], T], cancel: Callable[[], object] = lambda: None) -> T:
    """Return what ``work`` returns; whoever stops waiting calls ``cancel``."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from here on only the work ends it
    context = contextvars.copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(work))
        except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
            done.set_exception(error)

    threading.Thread(target=run, name="rag-ask", daemon=True).start()
    try:
        return await asyncio.wrap_future(done)
    except asyncio.CancelledError:
        cancel()
        raise


async def pieces_of(stream: Stream[T]) -> AsyncGenerator[str | T, None]:
    """Yield the pieces of a stream as they come, and the whole last; whoever stops reading stops the model."""
    loop = asyncio.get_running_loop()
    come: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        try:
            for piece in stream:
                loop.call_soon_threadsafe(come.put_nowait, piece)
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody reads on
                loop.call_soon_threadsafe(come.put_nowait, None)

    reading = asyncio.ensure_future(in_thread(read))
    try:
        while (piece := await come.get()) is not None:
            yield piece
        await reading
        yield stream.whole
    finally:
        reading.cancel()
        stream.close()
