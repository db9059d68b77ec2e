"""A well-behaved chat server that speaks OpenAI's protocol on loopback: what it says is a function of the prompt.

python tests/chat_server.py --port 8123 --pause 0.05     # to look at answers as they stream
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Say = Callable[[str], str]


def first_sentence(prompt: str) -> str:
    """Quote the first sentence of the first passage, as a good model would."""
    body = re.search(r"<<<\w+ 1\n(.*?)\n\w+ 1>>>", prompt, re.DOTALL)
    sentence = re.split(r"(?<=[.!?])\s", body[1].split("\n", 1)[-1].strip())[0] if body else "Nothing."
    return f"{sentence} [1]"


class ChatServer:
    """Answers every request, whole or streamed, word by word with a pause after each.

    Attributes
    ----------
    requests
        Bodies of the requests, oldest first.
    status
        Of the answers; other than 200, the server says back all that it was told, keys included, as some do.
    refuse
        Body of a request -> status and body of a refusal, or None.
    content
        Piece of the text -> the content that carries it.
    """

    def __init__(self, say: Say = first_sentence, *, pause: float = 0.0, port: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.say = say
        self.status = 200
        self.refuse: Callable[[dict[str, Any]], tuple[int, object] | None] = lambda _: None
        self.content: Callable[[str], object] = lambda text: text
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(body)
                text = server.say(body["messages"][-1]["content"])
                with contextlib.suppress(OSError):  # the client has had enough
                    if refusal := server.refuse(body):
                        self._send(json.dumps(refusal[1]).encode(), refusal[0])
                    elif server.status != 200:
                        self._refuse()
                    elif body.get("stream"):
                        self._stream(text)
                    else:
                        self._whole(text, body.get("n") or 1)

            def _refuse(self) -> None:
                said = f"{self.path} {self.headers['Authorization']}"
                self._send(json.dumps({"error": {"message": f"no: {said}", "type": said}}).encode())

            def _whole(self, text: str, n: int) -> None:
                choices = [
                    {
                        "index": at,
                        "message": {"role": "assistant", "content": server.content(text)},
                        "finish_reason": "stop",
                    }
                    for at in range(n)
                ]
                usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 0}
                data = json.dumps({"id": "1", "object": "chat.completion", "choices": choices, "usage": usage}).encode()
                self._send(data)

            def _send(self, data: bytes, status: int = 0) -> None:
                self._head("application/json", len(data), status)
                self.wfile.write(data)

            def _stream(self, text: str) -> None:
                self._head("text/event-stream", None)
                for word in re.findall(r"\S+\s*", text):
                    self._event({"content": server.content(word)}, None)
                    time.sleep(pause)
                self._event({}, "stop")
                self.wfile.write(b"data: [DONE]\n\n")

            def _event(self, delta: dict[str, object], finish: str | None) -> None:
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                self.wfile.write(f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n".encode())
                self.wfile.flush()

            def _head(self, kind: str, length: int | None, status: int = 0) -> None:
                self.send_response(status or server.status)
                self.send_header("Content-Type", kind)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--text", help="say this; default: quote the first passage")
    args = parser.parse_args()
    ChatServer(first_sentence if args.text is None else lambda _: args.text, pause=args.pause, port=args.port).serve()
