"""Ask a bot whose language model misbehaves: within the deadline there are quotes, and it is said what failed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rag.bot import Bot
from rag.documents.document import Document
from rag.errors import ExtraMissing
from rag.knowledge_base import KnowledgeBase
from rag.llm.models import language_model

from .corpus import E
from .tally import Tally

_DEADLINE_S = 3.0
_SLACK_S = 30.0
"""A machine may be slow: what is looked for is an end, not a time."""
_WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop"}]}

Reply = Callable[[BaseHTTPRequestHandler], None]


def _says(status: int, body: bytes, kind: str = "application/json") -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return reply


def _stalls(first: bytes, again: bytes) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(first)
        for _ in range(600):
            request.wfile.write(again)
            request.wfile.flush()
            time.sleep(0.1)

    return reply


_CASES: dict[str, Reply] = {
    "a page instead of JSON": _says(200, b"<html>welcome</html>", "text/html"),
    "nothing": _says(200, b""),
    "half of a JSON document": _says(200, b'{"choices": [{"mess'),
    "no choices": _says(200, b'{"choices": []}'),
    "content null": _says(200, json.dumps(_WHOLE).encode()),
    "500": _says(500, b"{}"),
    "401": _says(401, b'{"error": {"message": "no key"}}'),
    "silence after the headers": _stalls(b"", b""),
    "comments for ever": _stalls(b"", b": still here\n\n"),
}


def check(place: Path, tally: Tally) -> None:
    try:
        language_model("openai:x", base_url="http://127.0.0.1:9", api_key="k")
    except ExtraMissing as error:
        tally.facts |= {"skipped": str(error)}
        return
    with KnowledgeBase.create(place / "kb", embedder=E) as kb:
        kb.add([Document.from_text("The ferry leaves at noon.", id="ferry")])
        for name, reply in _CASES.items():
            with _server(reply) as address:
                _ask(kb, name, address, tally)
        _ask(kb, "nobody there", "http://127.0.0.1:9", tally)


def _ask(kb: KnowledgeBase, name: str, address: str, tally: Tally) -> None:
    model = language_model("openai:x", base_url=address, api_key="k")
    start = time.monotonic()
    answer = Bot(kb, model, deadline=_DEADLINE_S).ask("When does the ferry leave?")
    tally.expect(time.monotonic() - start < _DEADLINE_S + _SLACK_S, f"{name}: it took too long")
    tally.expect(answer.degraded and answer.reason, f"{name}: it is not said that the model failed: {answer.text}")
    tally.expect("noon" in answer.text, f"{name}: no quote stands in: {answer.text}")


@contextlib.contextmanager
def _server(reply: Reply) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with contextlib.suppress(OSError):  # the client has had enough
                reply(self)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
