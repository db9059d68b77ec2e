"""Readers of different rights: every route and tool, taken from the server's own tables, shows no more than its due."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pipelines.server
from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import Collections, opened
from pipelines.server.guard import OPEN, OPEN_BELOW, Access, Limits
from pipelines.server.page_reports import report_id
from pipelines.server.principals import Principal, digest_of
from pipelines.server.public_ids import public_id
from pipelines.server.views import AllowedView
from rag import KnowledgeBase, PipelineConfig

from .conftest import MULTIPART, Client, multipart, running

ANN, BOB, ROOT, IDLE = (f"{name}-key-correct-horse" for name in ("ann", "bob", "root", "idle"))
SECRETS = ("xylophanter", "quokka", "front-matter-claim", "board", "plan-b", "auditors")
"""Words of documents that Ann may not read, of their names, and of their groups; in small letters."""
FILES = {
    "sales": {"prices.md": "# Prices\n\nThe red plan costs nine euros a month.\n"},
    "board": {"plan-b.md": "# Plan B\n\nThe Xylophanter project costs nine million euros a month.\n"},
    None: {
        "untagged.md": "# Note\n\nThe quokka plan costs two euros a month.\n",
        "claims.md": "---\nacl: [sales]\n---\n# Front-matter-claim\n\nThis plan costs three euros a month.\n",
    },
}
ASKED = "What does the plan cost a month?"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rights")
    for group, files in FILES.items():
        docs = folder / f"docs-{group}"
        docs.mkdir()
        for name, text in files.items():
            (docs / name).write_text(text)
        own = ["--acl", group, "--acl", "auditors"] if group else []
        made = ["ingest", str(docs), "--into", str(folder / "kb"), "--embedder", "hashing-64"]
        assert run([*made, *own]) == 0
    return folder / "kb"


def access() -> Access:
    scopes = frozenset({"read", "upload", "feedback", "review", "metrics"})
    everybody = {
        ANN: Principal("ann", frozenset({"sales"}), scopes),
        BOB: Principal("bob", frozenset({"board"}), scopes),
        ROOT: Principal("root", None, scopes),
        IDLE: Principal("idle", frozenset({"sales", "board"}), frozenset()),
    }
    return Access(keys={digest_of(key): one for key, one in everybody.items()})


@dataclass(frozen=True)
class Served:
    client: Client
    app: Any
    collections: Collections
    ids: dict[str, str]
    """Public ids by names of files."""

    def ask(
        self, key: str, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, str]:
        heads = {"Authorization": f"Bearer {key}", "Content_Type": kind}
        status, _, data = self.client.send(method, path, body, **heads)
        return status, data.decode()


@pytest.fixture(scope="module")
def served(base: Path) -> Iterator[Served]:
    limits = Limits()
    with ExitStack() as stack:
        collections = stack.enter_context(opened([base], PipelineConfig.of, at_once=4, rights=True))
        reports = base.with_name("reports")
        reports.mkdir()
        (reports / "audit.html").write_text("<title>Xylophanter</title>")
        app = application(collections, access(), limits, reports=reports, uploads=True)
        with KnowledgeBase.open(base) as kb:
            ids = {Path(each).name: public_id(each) for each in kb.document_ids()}
        yield Served(Client(stack.enter_context(running(app, limits))), app, collections, ids)


# ---- the matrix -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A request of a route.

    ``shows``: what the reader of everything gets tells a secret, so that its absence elsewhere means something.
    ``of``: a document is named in the path, as ``{id}``.
    ``scope``: without it there is no answer; none for what tells nothing of documents.
    ``status``: of an answer: 409 where a page of what is no PDF file is asked for.
    ``whole``: only whoever may read every document gets one.
    """

    path: str
    body: Any = None
    shows: bool = True
    of: bool = False
    scope: str | None = "read"
    status: int = 200
    whole: bool = False
    kind: str = "application/json"


CHAT = {"messages": [{"role": "user", "content": ASKED}]}
ROUTES: dict[tuple[str, str], Row] = {
    ("GET", "/health"): Row("/health", shows=False, scope=None),
    ("GET", "/openapi.json"): Row("/openapi.json", shows=False, scope=None),
    ("GET", "/v1/status"): Row("/v1/status", shows=False),
    ("GET", "/v1/models"): Row("/v1/models", shows=False),
    ("GET", "/v1/models/{name}"): Row("/v1/models/kb", shows=False),
    ("GET", "/v1/documents/{document}"): Row("/v1/documents/{id}", of=True),
    ("POST", "/v1/ask"): Row("/v1/ask", {"question": ASKED}),
    ("POST", "/v1/search"): Row("/v1/search", {"question": ASKED, "k": 50}),
    ("POST", "/v1/explain"): Row("/v1/explain", {"question": ASKED, "k": 50}),
    ("POST", "/v1/chat/completions"): Row("/v1/chat/completions", CHAT),
    ("GET", "/v1/documents"): Row("/v1/documents"),
    ("POST", "/v1/documents"): Row(
        "/v1/documents", multipart("empty.txt", b" "), shows=False, status=202, kind=MULTIPART
    ),
    ("DELETE", "/v1/documents/{document}"): Row("/v1/documents/{id}", of=True, shows=False, status=400),
    ("GET", "/v1/jobs"): Row("/v1/jobs", shows=False),
    ("GET", "/v1/jobs/{job}"): Row("/v1/jobs/none", shows=False, status=404),
    ("GET", "/v1/jobs/{job}/events"): Row("/v1/jobs/none/events", shows=False, status=404),
    ("DELETE", "/v1/jobs/{job}"): Row("/v1/jobs/none", shows=False, status=404),
    **{(method, "/mcp"): Row("/mcp", shows=False, scope=None, status=406) for method in ("GET", "POST")},
    ("DELETE", "/mcp"): Row("/mcp", shows=False, scope=None, status=400),
    ("POST", "/v1/embeddings"): Row("/v1/embeddings", {"input": "tea"}, shows=False),
    ("GET", "/metrics"): Row("/metrics", shows=False),
    ("GET", "/"): Row("/", shows=False, scope=None),
    ("GET", "/static/{name}"): Row("/static/app.js", shows=False, scope=None),
    ("GET", "/v1/page"): Row("/v1/page", shows=False),
    ("GET", "/v1/documents/{document}/boxes"): Row(
        "/v1/documents/{id}/boxes?start=0&end=9", of=True, shows=False, status=409
    ),
    ("GET", "/v1/documents/{document}/pages/{number}.png"): Row(
        "/v1/documents/{id}/pages/1.png", of=True, shows=False, status=409
    ),
    ("GET", "/v1/reports"): Row("/v1/reports", whole=True),
    ("POST", "/v1/reports/{report}"): Row(f"/v1/reports/{report_id('audit.html')}", shows=False, whole=True),
    ("GET", "/reports/{ticket}"): Row("/reports/guessed", shows=False, scope=None, status=404),
}
"""A row for every route; one that is new needs its own."""


def routes(own: Any) -> set[tuple[str, str]]:
    """Return method and path of each route of an application, or of what it includes."""
    found: set[tuple[str, str]] = set()
    for each in own.routes:
        if hasattr(each, "original_router"):
            found |= routes(each.original_router)
        else:
            found |= {(method, each.path) for method in getattr(each, "methods", None) or {"MOUNT"}}
    return {pair for pair in found if pair[0] != "HEAD"}


ELSEWHERE = {
    ("POST", "/v1/feedback"),
    ("GET", "/v1/feedback/{answer}"),
    ("GET", "/v1/feedback-review"),
    ("POST", "/v1/feedback-review"),
}
"""They name an answer that was given before: tests/pipelines/server/test_feedback.py has their rows."""


def test_every_route_has_a_row(served: Served) -> None:
    assert routes(served.app) == set(ROUTES) | ELSEWHERE


def secrets_in(text: str, ids: dict[str, str]) -> list[str]:
    foreign = [ids[name] for name in ("plan-b.md", "untagged.md", "claims.md")]
    return [secret for secret in (*SECRETS, *foreign) if secret in text.lower()]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_route_shows_what_the_key_may_read_and_nothing_else(served: Served, route: tuple[str, str]) -> None:
    row, method = ROUTES[route], route[0]
    paths = [row.path.format(id=served.ids[name]) for name in served.ids] if row.of else [row.path]
    kind = row.kind
    for body in [row.body, {**row.body, "stream": True}] if route[1] in {"/v1/ask", CHAT_PATH} else [row.body]:
        everything = [served.ask(ROOT, method, path, body, kind) for path in paths]
        assert {status for status, _ in everything} == {row.status}
        assert bool(secrets_in("".join(text for _, text in everything), served.ids)) == row.shows
        for path in paths:
            status, text = served.ask(ANN, method, path, body, kind)
            foreign = row.of and served.ids["prices.md"] not in path
            assert status == (404 if foreign else 403 if row.whole else row.status)
            told_back = text.replace(path.split("/")[3], "ID") if status == 404 and row.of else text
            assert secrets_in(told_back, served.ids) == []
        assert {status for status, _ in (served.ask(IDLE, method, path, body, kind) for path in paths)} == {
            row.status if row.scope is None else 403
        }
        status, _, _ = served.client.send(method, paths[0], body)
        assert status == (row.status if route[1] in OPEN or route[1].startswith(OPEN_BELOW) else 401)


CHAT_PATH = "/v1/chat/completions"


@pytest.mark.parametrize("route", [each for each in ROUTES if ROUTES[each].of], ids=" ".join)
def test_a_foreign_id_is_as_a_missing_one(served: Served, route: tuple[str, str]) -> None:
    told = []
    for own in (served.ids["plan-b.md"], served.ids["claims.md"], "0" * 24):
        status, text = served.ask(ANN, route[0], ROUTES[route].path.format(id=own), ROUTES[route].body)
        told.append((status, text.replace(own, "ID")))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 404


@pytest.mark.parametrize(
    "where",
    [
        "acl == 'board'",
        "type == 'md' or exists(acl)",
        "document == 'zz' or exists(document)",
        "not acl in ['sales']",
        "acl == null",
        'document == "zz") or (exists(document)',
        "not exists(acl) or acl != 'sales'",
    ],
)
def test_no_filter_of_a_caller_shows_more(served: Served, where: str) -> None:
    for path in ("/v1/search", "/v1/explain", "/v1/ask"):
        _, text = served.ask(ANN, "POST", path, {"question": ASKED, "k": 50, "where": where})
        shown = [each["document"] for each in json.loads(text).get("passages", ())]
        assert set(shown) <= {served.ids["prices.md"]}


def test_counts_are_of_what_may_be_read(served: Served) -> None:
    counted = {}
    for key in (ANN, BOB, ROOT):
        told = json.loads(served.ask(key, "GET", "/v1/status")[1])["knowledge_bases"][0]
        counted[key] = (told["documents"], told["chunks"])
    assert counted == {ANN: (1, 1), BOB: (1, 1), ROOT: (4, 4)}


def test_a_misspelt_word_does_not_become_one_of_a_hidden_document(served: Served) -> None:
    pytest.importorskip("rapidfuzz")
    for path in ("/v1/search", "/v1/explain", "/v1/ask"):
        for asked in ("What does the xylophantr cost?", "Who made the Xylophantre?"):
            _, text = served.ask(ANN, "POST", path, {"question": asked})
            assert "xylophanter" not in text.lower()


def test_several_readers_at_a_time_each_get_their_own(served: Served) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def one(i: int) -> bool:
        key, name = ((ANN, "prices.md"), (BOB, "plan-b.md"))[i % 2]
        _, text = served.ask(key, "POST", "/v1/search", {"question": ASKED, "k": 50})
        return [each["document"] for each in json.loads(text)["passages"]] == [served.ids[name]]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(64)))


# ---- tools ----------------------------------------------------------------------------------------------------------

TOOLS: dict[str, dict[str, Any]] = {
    "search": {"query": ASKED},
    "fetch": {"id": "{id}"},
    "ask": {"question": ASKED},
}
"""A row for every tool; one that is new needs its own."""
RESOURCES = {
    "kb://documents{?after}": "kb://documents",
    "kb://document/{id}": "kb://document/{id}",
    "kb://passage/{id}/{start}/{end}": "kb://passage/{id}/0/20",
}
"""A row for every template of resources."""
WAYS = ["memory", "http"]


def with_tools(served: Served, key: str, way: str, work: Callable[[Any], Awaitable[None]]) -> None:
    mcp = pytest.importorskip("mcp")
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    from pipelines.server.mcp_tools import tools

    async def use() -> None:
        if way == "memory":
            principal = access().principal(f"Bearer {key}")
            assert principal is not None
            view = AllowedView(served.collections.get(None), principal)
            async with mcp.Client(tools("kb", lambda _: view)) as client:
                await work(client)
            return
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
            mcp.Client(streamable_http_client(f"{served.client.url}/mcp", http_client=http)) as client,
        ):
            await work(client)

    asyncio.run(use())


def test_every_tool_and_resource_has_a_row(served: Served) -> None:
    async def work(client: Any) -> None:
        assert {each.name for each in (await client.list_tools()).tools} == set(TOOLS)
        templates = (await client.list_resource_templates()).resource_templates
        assert {each.uri_template for each in templates} == set(RESOURCES)
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []

    with_tools(served, ANN, "http", work)


async def called(served: Served, client: Any, name: str) -> list[tuple[str, bool, str]]:
    """Call a tool, or read a resource, for each document: its name, whether that failed, and what was told."""
    from mcp.shared.exceptions import MCPError

    found = []
    for document, own in {**served.ids, "missing": "0" * 24}.items():
        if name in TOOLS:
            told = await client.call_tool(name, {key: value.format(id=own) for key, value in TOOLS[name].items()})
            failed, text = told.is_error, told.model_dump_json()
        else:
            try:
                told = await client.read_resource(RESOURCES[name].format(id=own))
                failed, text = False, told.model_dump_json()
            except MCPError as error:
                failed, text = True, str(error)
        found.append((document, failed, text.replace(own, "ID")))
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*TOOLS, *RESOURCES])
def test_a_tool_shows_what_the_key_may_read_and_nothing_else(served: Served, name: str, way: str) -> None:
    async def everything(client: Any) -> None:
        assert any(secrets_in(text, served.ids) for _, _, text in await called(served, client, name))

    async def anns(client: Any) -> None:
        told = await called(served, client, name)
        assert [text for _, _, text in told if secrets_in(text, served.ids)] == []
        if "{id}" in str({**TOOLS, **RESOURCES}[name]):
            assert {document for document, failed, _ in told if not failed} == {"prices.md"}
            assert len({text for _, failed, text in told if failed}) == 1

    async def nothing(client: Any) -> None:
        assert all(failed for _, failed, _ in await called(served, client, name))

    with_tools(served, ROOT, way, everything)
    with_tools(served, ANN, way, anns)
    if way == "http":
        with_tools(served, IDLE, way, nothing)


def test_a_session_is_of_the_key_that_began_it(served: Served) -> None:
    heads = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    _, told, _ = served.client.send("POST", "/mcp", begin, **heads, Authorization=f"Bearer {ANN}")
    more = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    own = {**heads, "Mcp_Session_Id": told["mcp-session-id"]}
    statuses = [served.client.send("POST", "/mcp", more, **own, Authorization=f"Bearer {key}")[0] for key in (ANN, BOB)]
    assert statuses == [200, 404]


# ---- the seam -------------------------------------------------------------------------------------------------------


def test_a_knowledge_base_is_reached_by_views_alone() -> None:
    """What import-linter cannot see: a route that takes a view's inside."""
    inside = {"_own", "_collections", "bot", "retriever"}
    allowed = {"views", "collections", "search_queue", "app"}
    for file in Path(pipelines.server.__file__).parent.rglob("*.py"):
        if file.stem in allowed:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in inside:
                assert isinstance(node.value, ast.Name), file
                assert node.value.id == "self", f"{file}, line {node.lineno}: .{node.attr}"


def test_scores_do_not_tell_how_near_a_question_is_to_what_is_hidden(tmp_path: Path) -> None:
    """The mean of all scores would: whoever asks "the code is 1", "the code is 2", ... reads it out of two scores."""
    told = []
    for hidden in ("The code of the safe is azure.\n", "The name of my aunt is Agatha.\n"):
        kb = tmp_path / f"kb-{len(told)}"
        for group, texts in {
            "sales": ["The red plan costs nine euros.", "It rains on Mondays."],
            "board": [hidden],
        }.items():
            docs = tmp_path / f"{kb.name}-{group}"
            docs.mkdir()
            for i, text in enumerate(texts):
                (docs / f"{i}.txt").write_text(text)
            assert run(["ingest", str(docs), "--into", str(kb), "--embedder", "hashing-64", "--acl", group]) == 0
        with opened([kb], PipelineConfig.of, at_once=4, rights=True) as collections:
            view = AllowedView(collections.get(None), Principal("ann", frozenset({"sales"}), frozenset({"read"})))
            found = asyncio.run(view.search("The code of the safe is azure."))
            told.append([(each.text, each.score, dict(each.scores)) for each in found.passages])
    assert told[0]
    assert told[0] == told[1]
