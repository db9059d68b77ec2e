"""The tools over streamable HTTP at ``/mcp``: the same keys, and what each of them may see."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import HTTPConnection
from starlette.routing import Route

from .guard import Access, Limits, Receive, Scope, Send
from .mcp_tools import tools
from .principals import principal_of

if TYPE_CHECKING:
    from .views import AllowedView, Views

PATH = "/mcp"
METHODS = ("GET", "POST", "DELETE")
_IDLE_S = 600.0
_MOST_SESSIONS = 1000


class ToolServer:
    """The first knowledge base's tools, each call with what its own request may see.

    Parameters
    ----------
    views
        Makes the view of each request.
    refresh
        Done before each call.
    access, limits
        Of the server; hosts and origins are checked here once more, as the protocol asks.
    """

    def __init__(self, name: str, views: Views, refresh: Callable[[], object], access: Access, limits: Limits) -> None:
        def view(context: Context) -> AllowedView:
            request = context.request_context.request
            assert isinstance(request, HTTPConnection)  # noqa: S101 - over HTTP; without it there is no answer
            return views.of(request)

        made = tools(name, view, refresh)
        made.streamable_http_app(  # makes the manager; its application would bring a guard and routes of its own
            streamable_http_path=PATH,
            transport_security=_security(access),
            max_request_body_size=limits.body_bytes,
            session_idle_timeout=_IDLE_S,
            max_sessions=_MOST_SESSIONS,
        )
        self._manager = made.session_manager
        self.route = Route(PATH, self, methods=list(METHODS), include_in_schema=False)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Return what serves while it is entered."""
        own: AbstractAsyncContextManager[None] = self._manager.run()
        return own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a session is of the principal that began it."""
        name = principal_of(HTTPConnection(scope)).name
        scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=name, scopes=[]))
        await self._manager.handle_request(scope, receive, send)


def _security(access: Access) -> TransportSecuritySettings:
    """Return hosts and origins that may ask: where a token must be brought, no page of another site has it."""
    if not access.open:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = [name for host in sorted(access.hosts) for name in (host, f"{host}:*")]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])
