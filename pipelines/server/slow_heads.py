"""Uvicorn's HTTP/1.1 with a time limit for a request's head, which uvicorn lacks."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def guarded(head_s: float) -> type[asyncio.Protocol]:
    """Return a protocol that drops a connection whose next request's head takes longer than that, in seconds.

    The time counts from the connection, or from the end of the response before.
    """

    class Guarded(H11Protocol):
        _due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self._wait_for_head()

        def handle_events(self) -> None:
            super().handle_events()
            if self._due is not None and self.cycle is not None and not self.cycle.response_complete:
                self._due.cancel()
                self._due = None

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self._due is None and not self.transport.is_closing():
                self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._due is not None:
                self._due.cancel()
            super().connection_lost(exc)

        def _wait_for_head(self) -> None:
            self._due = self.loop.call_later(head_s, self.transport.abort)

    return Guarded
