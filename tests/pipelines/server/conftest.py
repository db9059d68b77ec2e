"""A real server on a free port of this machine."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from pipelines.cli import run
from pipelines.server.app import application
from pipelines.server.collections import Collection, Collections
from pipelines.server.guard import Access, Limits
from pipelines.server.serving import address, listening, server
from rag import Bot, KnowledgeBase
from rag.store import database

LOOPBACK, LIMITS = Access(), Limits()
TEA = "# Green tea\n\nGreen tea is steeped at 80 degrees for two minutes. Black tea takes boiling water.\n"
BEES = "# Bees\n\nA queen bee lays up to 2,000 eggs a day. Worker bees live about six weeks in summer.\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge base of two files."""
    folder = tmp_path_factory.mktemp("served")
    docs = folder / "secret-folder"
    docs.mkdir()
    (docs / "tea.md").write_text(TEA)
    (docs / "bees.md").write_text(BEES)
    assert run(["ingest", str(docs), "--into", str(folder / "drinks"), "--embedder", "hashing-64"]) == 0
    return folder / "drinks"


MULTIPART = "multipart/form-data; boundary=otter"


def multipart(name: str, data: bytes, **fields: str) -> bytes:
    """Return a form with a file."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    parts.append(f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode() + data)
    return b"".join(b"--otter\r\n" + part + b"\r\n" for part in parts) + b"--otter--\r\n"


class Client:
    """Asks a server as scripts do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers: dict[str, str] = {}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.connect()
        try:
            kind = {"Content-Type": "application/json"} if data is not None else {}
            connection.request(method, path, data, {**kind, **self.headers, **own})
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        status, _, data = self.send("POST", path, body, **headers)
        return status, json.loads(data)

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        status, _, data = self.send("GET", path, **headers)
        return status, json.loads(data)


Serve = Callable[..., Client]


@contextmanager
def running(app: Any, limits: Limits) -> Iterator[str]:
    with listening("127.0.0.1", 0) as bound:
        made = server(app, limits)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        until = time.monotonic() + 120
        while not made.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < until
            time.sleep(0.01)
        try:
            yield address(bound)
        finally:
            made.should_exit = True
            thread.join(60)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that ends waits for readers of the state before, so that the log can be emptied: not here."""
    monkeypatch.setattr(database, "_BUSY_MS", 100)


@pytest.fixture
def serve(base: Path) -> Iterator[Serve]:
    """Serve the knowledge base; a model, access and limits may be given."""
    with ExitStack() as stack:

        def start(
            model: Any = None,
            *,
            access: Access = LOOPBACK,
            limits: Limits = LIMITS,
            reports: Path | None = None,
            uploads: bool = False,
            **options: Any,
        ) -> Client:
            kb = stack.enter_context(KnowledgeBase.open(base))
            bot = stack.enter_context(Bot(kb, model, **options))
            served = Collections([Collection.of("drinks", bot)], [kb])
            app = application(served, access, limits, reports=reports, uploads=uploads)
            return Client(stack.enter_context(running(app, limits)))

        yield start


class Endless:
    """A model that never ends by itself."""

    def __init__(self) -> None:
        self.said = 0

    def __call__(self, _: str) -> Iterator[str]:
        while True:
            self.said += 1
            yield " "
            time.sleep(0.01)

    async def stops(self, asked: asyncio.Future[Any]) -> None:
        """Cancel a call once the model has begun to answer it, and wait until the model says no more."""
        until = time.monotonic() + 60
        while self.said < 3 and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert self.said >= 3
        asked.cancel()
        stopped = False
        while not stopped and time.monotonic() < until:
            before = self.said
            await asyncio.sleep(0.2)
            stopped = self.said == before
        assert stopped
