"""The official client over streamable HTTP: the tools of stdio, the guard's rules, and each key its own view."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pipelines.server.guard import Access, Limits

from .conftest import Client, Endless, Serve

mcp = pytest.importorskip("mcp")
import httpx2  # noqa: E402 - comes with mcp
from mcp.client.streamable_http import streamable_http_client  # noqa: E402

QUESTION = "At how many degrees is green tea steeped?"
TOKEN = "correct-horse-battery-staple"
SPEAKS = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}


@asynccontextmanager
async def connected(client: Client, key: str = "", **options: Any) -> AsyncIterator[Any]:
    heads = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=heads, timeout=60) as http,
        mcp.Client(streamable_http_client(f"{client.url}/mcp", http_client=http), **options) as own,
    ):
        yield own


def used(client: Client, work: Callable[[Any], Awaitable[None]], key: str = "", **options: Any) -> None:
    async def use() -> None:
        async with connected(client, key, **options) as own:
            await work(own)

    asyncio.run(asyncio.wait_for(use(), 120))


def test_search_fetch_ask_and_resources(serve: Serve) -> None:
    async def work(own: Any) -> None:
        first = (await own.call_tool("search", {"query": QUESTION})).structured_content["results"][0]
        answer = (await own.call_tool("ask", {"question": QUESTION})).structured_content
        assert answer["answer"].startswith("Green tea is steeped at 80 degrees")
        cited = answer["citations"][0]
        told = await own.read_resource(f"kb://passage/{cited['id']}/{cited['start']}/{cited['end']}")
        assert told.contents[0].text == cited["quote"]
        whole = (await own.read_resource(f"kb://document/{first['id']}")).contents[0].text
        assert whole[cited["start"] : cited["end"]] == cited["quote"]
        listed = json.loads((await own.read_resource("kb://documents")).contents[0].text)
        assert first["id"] in {each["id"] for each in listed["documents"]}

    used(serve(access=Access(TOKEN)), work, TOKEN)


def test_an_older_client_is_served_too(serve: Serve) -> None:
    async def work(own: Any) -> None:
        assert own.protocol_version < "2026"
        assert (await own.call_tool("search", {"query": QUESTION})).structured_content["results"]

    used(serve(), work, mode="legacy")


def test_the_guard_holds(serve: Serve) -> None:
    client = serve(limits=Limits(body_bytes=2000))
    assert client.send("POST", "/mcp", HELLO, **SPEAKS)[0] == 200
    assert client.send("POST", "/mcp", HELLO, **SPEAKS, Host="evil.example")[0] == 421
    assert client.send("POST", "/mcp", HELLO, **SPEAKS, Origin="https://evil.example")[0] == 403
    assert client.send("POST", "/mcp", {**HELLO, "x": "x" * 2000}, **SPEAKS)[0] == 413
    keyed = serve(access=Access(TOKEN))
    for given in ("", "Bearer", f"Bearer {TOKEN}x"):
        assert keyed.send("POST", "/mcp", HELLO, **SPEAKS, Authorization=given)[0] == 401
    assert keyed.send("POST", "/mcp", HELLO, **SPEAKS, Authorization=f"Bearer {TOKEN}")[0] == 200


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_is_cancelled_stops_the_model(serve: Serve, mode: str) -> None:
    model = Endless()

    async def work(own: Any) -> None:
        asked = asyncio.ensure_future(own.call_tool("ask", {"question": QUESTION}))
        await model.stops(asked)

    used(serve(model), work, mode=mode)
