"""Checks before every request: the token, the address it was sent to, its size and its pace."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from .errors import body
from .principals import EVERYBODY, Principal, digest_of, place

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

OPEN = frozenset({"/", "/health"})
"""Paths that need no token: whoever watches over a server has none, and the page asks for it."""
OPEN_BELOW = ("/static/", "/reports/")
"""The page's own files, and reports whose address is a secret for a minute."""
UPLOAD = ("POST", "/v1/documents")


@dataclass(frozen=True)
class Limits:
    """Limits of a request: bytes of its body, and seconds in which its head and its body must have come.

    Those of an upload hold for whoever may upload, where the server takes documents.
    """

    body_bytes: int = 1_000_000
    head_s: float = 5.0
    body_s: float = 8.0
    upload_bytes: int = 100_000_000
    upload_s: float = 300.0


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes
    ----------
    token
        That every request must bring, where ``keys`` are None; None lets everybody ask who reaches the server, which
        then answers only under ``hosts``: else a page in a browser could reach it by a name of its own (DNS rebinding).
    keys
        Principals by the digests of their keys, of which every request must bring one.
    anybody
        Who asks where there are no keys.
    """

    token: str | None = None
    hosts: frozenset[str] = field(default_factory=lambda: frozenset({"127.0.0.1", "localhost", "[::1]"}))
    keys: Mapping[str, Principal] | None = None
    anybody: Principal = EVERYBODY

    @property
    def open(self) -> bool:
        """Whether nothing has to be brought."""
        return self.token is None and self.keys is None

    def principal(self, authorization: str) -> Principal | None:
        """Return who brings this header; None: nobody who may ask."""
        if self.open:
            return self.anybody
        kind, _, given = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        if self.keys is not None:
            return self.keys.get(digest_of(given))
        right = hmac.compare_digest(given.encode(), (self.token or "").encode())
        return self.anybody if right else None


class Guard:
    """Refuses what may not ask, and cuts off what is too long or too slow."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], access: Access, limits: Limits, *, uploads: bool = False
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        heads = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        principal = self._access.principal(heads.get("authorization", ""))
        most, seconds = self._of_body(scope, principal)
        refused = self._refused(scope["path"], heads, most, known=principal is not None)
        if refused is not None:
            return await _refuse(_hardened(send), *refused)
        if principal is not None:
            place(scope, principal)
        asked = (
            {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        )  # its body is not sent: h11 sees to it
        await self._app(asked, _bounded(receive, most, seconds), _hardened(send))
        scope["route"] = asked.get("route")
        return None

    def _of_body(self, scope: Scope, principal: Principal | None) -> tuple[int, float]:
        """Return bytes and seconds of the body."""
        limits = self._limits
        uploads = self._uploads and principal is not None and "upload" in principal.scopes
        if uploads and (scope["method"], scope["path"]) == UPLOAD:
            return limits.upload_bytes, limits.upload_s
        return limits.body_bytes, limits.body_s

    def _refused(self, path: str, heads: dict[str, str], most: int, *, known: bool) -> tuple[int, str] | None:
        access, length = self._access, heads.get("content-length", "0")
        if access.open:
            if _host(heads.get("host", "")) not in access.hosts:
                return 421, "this server does not answer under that host name"
            origin = heads.get("origin")
            if origin is not None and _host(origin.partition("://")[2]) not in access.hosts:
                return 403, "pages of other sites may not ask this server"
        elif not known and path not in OPEN and not path.startswith(OPEN_BELOW):
            return 401, "give the server's token, or your key: Authorization: Bearer TOKEN"
        if not length.isdecimal() or int(length) > most:
            return 413, _too_big(most)
        return None


def _too_big(most: int) -> str:
    return f"the body has more than {most:,} bytes"


def _bounded(receive: Receive, most: int, seconds: float) -> Receive:
    until, size, done = time.monotonic() + seconds, 0, False

    async def bounded() -> Event:
        nonlocal size, done
        if done:
            return await receive()
        try:
            event = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {seconds:g} s") from None
        size += len(event.get("body", b""))
        done = not event.get("more_body", False)
        if size > most:
            raise HTTPException(413, _too_big(most))
        return event

    return bounded


def _host(text: str) -> str:
    """Return the host of ``host:port``; IPv6 keeps its brackets. What is no such thing has none."""
    found = _HOST.fullmatch(text.strip().lower())
    return found[1] if found else ""


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:/@\[\]]+)(?::\d{1,5})?")


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
