"""Answers sent while they are made, and models that are stopped once nobody listens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from .errors import told

log = logging.getLogger(__name__)
T = TypeVar("T")


class Gone(Exception):  # noqa: N818
    """The client has closed the connection; nobody reads a response."""


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; cancel it when the client leaves.

    Raises
    ------
    Gone
        The client has left.
    """
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    finally:
        task.cancel()
        left.cancel()


async def pieces_while_connected(request: Request, pieces: AsyncGenerator[T, None]) -> AsyncIterator[T]:
    """Yield the pieces; close their generator, which stops the model, when the client leaves or this one is closed."""
    left = asyncio.ensure_future(_gone(request))
    try:
        while True:
            piece = asyncio.ensure_future(anext(pieces))
            try:
                await asyncio.wait({piece, left}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    return
                given = piece.result()
            except StopAsyncIteration:
                return
            finally:
                if not piece.done():
                    piece.cancel()
                    await asyncio.wait({piece})
            yield given
    finally:
        left.cancel()
        await pieces.aclose()


class Json(JSONResponse):
    """A JSON response whatever its texts hold: half a surrogate pair, as in names of files, leaves escaped."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - JSON
        """Return the bytes."""
        return json.dumps(content, allow_nan=False, default=str).encode()


def event(data: Any, name: str = "") -> str:  # noqa: ANN401 - JSON
    """Return one server-sent event; JSON has no line breaks, so data are one line."""
    text = data if isinstance(data, str) else json.dumps(data, allow_nan=False, default=str)
    return (f"event: {name}\n" if name else "") + f"data: {text}\n\n"


def stream(events: AsyncIterator[str], *, error_name: str = "") -> StreamingResponse:
    """Return a response of events; an error that comes once it has begun is its last event."""

    async def safe() -> AsyncIterator[str]:
        try:
            async for each in events:
                yield each
        except Exception as error:
            log.exception("a stream failed")
            yield event(told(error), error_name)

    return StreamingResponse(safe(), media_type="text/event-stream")
