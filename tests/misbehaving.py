"""A chat server on a raw socket: it sends the bytes that a test gives it, when the test says so."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

Reply = bytes | Iterable[bytes | float]
"""Bytes to send; a number is a pause in seconds. The connection is closed after the last."""


@dataclass
class Server:
    """Give `replies` one reply per request; the last one is repeated."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                request = self._read(connection)
                if request is None:
                    return
                place = len(self.requests)
                self.requests.append(request)
                self.times.append(time.monotonic())
                reply = self.replies[min(place, len(self.replies) - 1)]
                for part in [reply] if isinstance(reply, bytes) else reply:
                    if isinstance(part, bytes):
                        connection.sendall(part)
                    elif self._closing.wait(part):
                        return
            except OSError:
                pass  # the client has had enough

    @staticmethod
    def _read(connection: socket.socket) -> tuple[str, dict[str, str], dict] | None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
            if data.startswith(b"\x16"):  # a greeting in TLS, which this server does not speak
                return "", {}, {}
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        return first.split()[1], headers, json.loads(body or b"{}")


def http(status: str, body: bytes, kind: str = "application/json", headers: str = "") -> bytes:
    return head(status, kind, f"Content-Length: {len(body)}\r\n{headers}") + body


def head(status: str = "200 OK", kind: str = "application/json", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{headers}\r\n".encode()


def whole(text: object = "Hello", finish: str | None = "stop", **more: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return http("200 OK", json.dumps({"choices": [choice], "usage": usage} | more).encode())


def event(text: str | None = None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM = head(kind="text/event-stream")


def streamed(*pieces: str) -> bytes:
    return STREAM + b"".join(event(piece) for piece in pieces) + event(finish="stop") + DONE


def drip(data: bytes, pause: float) -> list[bytes | float]:
    return [part for i in range(len(data)) for part in (data[i : i + 1], pause)]
