"""Checks before every request: the token, the address it was sent to, its size and its pace."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from .errors import body

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

OPEN = frozenset({"/health"})
"""Paths that need no token: who watches over a server has none."""


@dataclass(frozen=True)
class Limits:
    """Limits of a request: bytes of its body, and seconds in which its head and its body must have come."""

    body_bytes: int = 1_000_000
    head_s: float = 5.0
    body_s: float = 10.0


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes
    ----------
    token
        That every request must bring; None lets everybody ask who reaches the server, which then answers only under
        ``hosts``: else a page in a browser could reach it by a name of its own (DNS rebinding).
    """

    token: str | None = None
    hosts: frozenset[str] = field(default_factory=lambda: frozenset({"127.0.0.1", "localhost", "[::1]"}))


class Guard:
    """Refuses what may not ask, and cuts off what is too long or too slow."""

    def __init__(self, app: Callable[..., Awaitable[None]], access: Access, limits: Limits) -> None:
        self._app = app
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        heads = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope["path"], heads)
        if refused is not None:
            return await _refuse(send, *refused)
        return await self._app(scope, self._bounded(receive), _hardened(send))

    def _refused(self, path: str, heads: dict[str, str]) -> tuple[int, str] | None:
        access, length = self._access, heads.get("content-length", "0")
        if access.token is None:
            if _host(heads.get("host", "")) not in access.hosts:
                return 421, "this server does not answer under that host name"
            origin = heads.get("origin")
            if origin is not None and _host(origin.partition("://")[2]) not in access.hosts:
                return 403, "pages of other sites may not ask this server"
        elif path not in OPEN:
            given = heads.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"Bearer {access.token}".encode()):
                return 401, "give the server's token: Authorization: Bearer TOKEN"
        if not length.isdecimal() or int(length) > self._limits.body_bytes:
            return 413, self._too_big
        return None

    @property
    def _too_big(self) -> str:
        return f"the body has more than {self._limits.body_bytes:,} bytes"

    def _bounded(self, receive: Receive) -> Receive:
        until, size, done = time.monotonic() + self._limits.body_s, 0, False

        async def bounded() -> Event:
            nonlocal size, done
            if done:
                return await receive()
            try:
                event = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                raise HTTPException(408, f"the body did not come within {self._limits.body_s:g} s") from None
            size += len(event.get("body", b""))
            done = not event.get("more_body", False)
            if size > self._limits.body_bytes:
                raise HTTPException(413, self._too_big)
            return event

        return bounded


def _host(text: str) -> str:
    """Return the host of ``host:port``; IPv6 keeps its brackets."""
    text = text.strip().lower()
    return "".join(text.partition("]")[:2]) if text.startswith("[") else text.partition(":")[0]


def _hardened(send: Send) -> Send:
    """Have nothing kept by caches, or taken for another type than it is."""

    async def hardened(event: Event) -> None:
        if event["type"] == "http.response.start":
            own = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
            event["headers"] = [*event.get("headers", ()), *own]
        await send(event)

    return hardened


async def _refuse(send: Send, status: int, sentence: str) -> None:
    content = json.dumps(body(sentence, status, "refused")).encode()
    heads = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    heads += [(b"connection", b"close")] + ([(b"www-authenticate", b"Bearer")] if status == 401 else [])
    await send({"type": "http.response.start", "status": status, "headers": heads})
    await send({"type": "http.response.body", "body": content})
