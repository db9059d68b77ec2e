"""The official client of the Model Context Protocol: in memory, and over a real process's streams."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.server.collections import Collection
from pipelines.server.principals import EVERYBODY
from pipelines.server.views import AllowedView
from rag import Bot, Document, KnowledgeBase

from .conftest import Endless

mcp = pytest.importorskip("mcp")

QUESTION = "At how many degrees is green tea steeped?"


def used(base: Path, work: Callable[[Any], Awaitable[None]], model: Any = None) -> None:
    from pipelines.server.mcp_tools import tools

    async def use() -> None:
        with KnowledgeBase.open(base) as kb, Bot(kb, model) as bot:
            view = AllowedView(Collection.of("drinks", bot), EVERYBODY)
            async with mcp.Client(tools("drinks", lambda _: view, kb.refresh)) as client:
                await work(client)

    asyncio.run(use())


def test_the_tools_say_what_they_are(base: Path) -> None:
    async def work(client: Any) -> None:
        found = {each.name: each for each in (await client.list_tools()).tools}
        assert list(found) == ["search", "fetch", "ask"]
        assert all(each.annotations.read_only_hint and each.description for each in found.values())
        assert {name: each.input_schema["required"] for name, each in found.items()} == {
            "search": ["query"],
            "fetch": ["id"],
            "ask": ["question"],
        }

    used(base, work)


def test_search_fetch_and_ask(base: Path) -> None:
    async def work(client: Any) -> None:
        found = await client.call_tool("search", {"query": QUESTION})
        first = found.structured_content["results"][0]
        assert (first["title"], found.is_error) == ("Green tea", False)
        assert json.loads(found.content[0].text) == found.structured_content
        document = (await client.call_tool("fetch", {"id": first["id"]})).structured_content
        assert set(document) == {"id", "title", "text", "url", "metadata"}
        answer = (await client.call_tool("ask", {"question": QUESTION})).structured_content
        with Bot.open(base) as bot:
            assert answer["answer"] == bot.ask(QUESTION).text
        cited = answer["citations"][0]
        assert (cited["id"], document["text"][cited["start"] : cited["end"]]) == (first["id"], cited["quote"])
        assert "secret-folder" not in json.dumps([found.structured_content, document, answer])

    used(base, work)


def test_errors_are_results_in_the_words_of_the_command_line(base: Path) -> None:
    async def work(client: Any) -> None:
        for tool, given, words in (
            ("search", {"query": "tea", "where": "type =="}, "type =="),
            ("fetch", {"id": "../../etc/passwd"}, "there is no document"),
            ("ask", {"question": " "}, "the question is empty"),
        ):
            told = await client.call_tool(tool, given)
            assert told.is_error
            assert words in told.content[0].text

    used(base, work)


@pytest.mark.slow
def test_what_is_written_meanwhile_is_found(base: Path) -> None:
    async def work(client: Any) -> None:
        await client.call_tool("search", {"query": "okapis"})
        with KnowledgeBase.open(base, mode="w") as kb:
            kb.add([Document.from_text("Okapis live in the Ituri rainforest.", id="okapi")])
        try:
            found = await client.call_tool("search", {"query": "Where do okapis live?"})
            assert "Ituri" in found.structured_content["results"][0]["text"]
        finally:
            with KnowledgeBase.open(base, mode="w") as kb:
                kb.remove("okapi")

    used(base, work)


def test_a_call_that_is_cancelled_stops_the_model(base: Path) -> None:
    model = Endless()

    async def work(client: Any) -> None:
        asked = asyncio.ensure_future(client.call_tool("ask", {"question": QUESTION}))
        await model.stops(asked)

    used(base, work, model)


@pytest.mark.slow
def test_the_command_serves_over_its_streams(base: Path) -> None:
    async def use() -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        command = mcp.StdioServerParameters(
            command=sys.executable, args=["-m", "pipelines.cli", "mcp", str(base)], env=environment
        )
        async with mcp.Client(mcp.stdio_client(command)) as client:
            answer = (await client.call_tool("ask", {"question": QUESTION})).structured_content
            assert answer["answer"].startswith("Green tea is steeped at 80 degrees")

    asyncio.run(use())


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("search", {}, "search: query: this field is missing"),
        ("search", {"query": 5}, "search: query: Input should be a valid string"),
        ("ask", {"question": "Why?", "where": ["secret-value"]}, "ask: where: Input should be a valid string"),
        ("fetch", {"query": "tea"}, "fetch: id: this field is missing"),
    ],
)
def test_wrong_arguments_are_said_without_repeating_them(
    base: Path, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    async def work(client: Any) -> None:
        told = await client.call_tool(tool, arguments)
        assert told.is_error
        assert told.content[0].text == sentence

    used(base, work)
