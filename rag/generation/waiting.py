"""Blocking work behind async calls, each piece of it in a thread of its own.

The event loop's own pool has a few threads a core. A question that waited for one of them would not see its deadline,
and a few servers that stall would hold up all other questions.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from .streaming import Stream

T = TypeVar("T")


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
