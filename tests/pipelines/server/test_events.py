"""Streams end, and what makes them is closed, when the client leaves: also where no piece ever comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import Request

from pipelines.server.events import Gone, Json, event, pieces_while_connected, while_connected


def request(left: asyncio.Event) -> Request:
    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def test_pieces_end_when_the_client_leaves_and_their_maker_is_closed() -> None:
    closed = []

    async def pieces() -> AsyncGenerator[str, None]:
        try:
            yield "one"
            await asyncio.sleep(3600)
        finally:
            closed.append(True)

    async def use() -> list[str]:
        left, got = asyncio.Event(), []
        async for piece in pieces_while_connected(request(left), pieces()):
            got.append(piece)
            left.set()
        return got

    assert asyncio.run(asyncio.wait_for(use(), 60)) == ["one"]
    assert closed == [True]


def test_pieces_are_closed_when_they_are_no_longer_read() -> None:
    closed = []

    async def pieces() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "more"
        finally:
            closed.append(True)

    async def use() -> None:
        own = pieces_while_connected(request(asyncio.Event()), pieces())
        assert await anext(own) == "more"
        await own.aclose()  # type: ignore[attr-defined]

    asyncio.run(asyncio.wait_for(use(), 60))
    assert closed == [True]


def test_work_is_cancelled_when_the_client_leaves_and_given_else() -> None:
    async def use() -> None:
        left, cancelled = asyncio.Event(), []

        async def work() -> None:
            try:
                left.set()
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        with pytest.raises(Gone):
            await while_connected(request(left), work())
        await asyncio.sleep(0)
        assert cancelled == [True]
        assert await while_connected(request(asyncio.Event()), asyncio.sleep(0, "done")) == "done"

    asyncio.run(asyncio.wait_for(use(), 60))


def test_an_event_is_one_line_of_data_whatever_it_holds() -> None:
    assert event({"text": "a\nb\r\n\u2028c"}, "text") == 'event: text\ndata: {"text": "a\\nb\\r\\n\\u2028c"}\n\n'


def test_names_of_files_that_are_no_unicode_leave_escaped() -> None:
    assert Json({"source": "caf\udce9.txt"}).body == b'{"source": "caf\\udce9.txt"}'
