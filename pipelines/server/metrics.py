"""Counts and times of requests for Prometheus, at ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from .guard import Event, Receive, Scope, Send
from .principals import principal_of

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        own = {"registry": self.registry}
        labels = ["method", "route", "status"]
        self._requests = Counter("rag_requests", "Requests that were answered.", labels, **own)
        self._seconds = Histogram(
            "rag_request_seconds", "Until the last byte of it.", labels[:2], buckets=_BOUNDS, **own
        )
        self._running = Gauge("rag_requests_running", "Requests that are being answered.", **own)

    def routes(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()

        @router.get(
            "/metrics",
            summary="Counts and times for Prometheus",
            response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )
        async def metrics(request: Request) -> Response:
            principal_of(request).check("metrics")
            return Response(await run_in_threadpool(generate_latest, self.registry), media_type=CONTENT_TYPE_LATEST)

        return router

    def noted(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request that has been answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def running(self, change: int) -> None:
        """Note that a request has begun, or ended."""
        self._running.inc(change)


class Measured:
    """Measures what goes through: by the route's path as it is declared, so that no client makes new labels."""

    def __init__(self, app: Callable[..., Awaitable[None]], metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status = time.perf_counter(), 500

        async def noting(event: Event) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        self._metrics.running(1)
        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.running(-1)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.noted(method, _route(scope), status, time.perf_counter() - start)
        return None


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"
