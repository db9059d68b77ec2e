"""The application: its routes behind the guard, and errors in the words of the command line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rag.blas_threads import one_blas_thread
from rag.errors import RagError
from rag.loaders.page_views import PageViews

from . import documents_api, embeddings_api, feedback, jobs_api, openai_api, own_api, page, page_documents, page_reports
from .errors import INTERNAL, body, headers, status_of, told, unreadable
from .events import Gone, Json
from .forms import ErrorForm
from .guard import Access, Guard, Limits
from .jobs import Jobs
from .memories import Memories
from .metrics import Measured, Metrics
from .principals import SERVER
from .views import AllowedView, Views

if TYPE_CHECKING:
    from .collections import Collections
    from .mcp_http import ToolServer

log = logging.getLogger(__name__)
REFRESH_S = 2.0
"""Seconds between looks for what was written since."""
_AN_ERROR: dict[str, Any] = {"model": ErrorForm, "description": "What is wrong, in words."}


def application(
    collections: Collections,
    access: Access,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    reports: Path | None = None,
    uploads: bool = False,
    memories: Memories = Memories(),  # noqa: B008 - frozen
) -> FastAPI:
    """Return the ASGI application; its description is at ``/openapi.json``.

    Parameters
    ----------
    collections
        What it answers from.
    access
        Who may ask.
    limits
        Of each request.
    reports
        Folder of stored reports that the page shows; None for none.
    uploads
        Whether it takes documents, of those who have the scope ``upload``.
    memories
        Where conversations are kept.
    """
    pages, jobs, metrics = PageViews(), Jobs(taken=uploads), Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(collections))
        async with AsyncExitStack() as stack:
            stack.enter_context(one_blas_thread())
            if called is not None:
                await stack.enter_async_context(called.running())
            if uploads:
                await run_in_threadpool(_resume, collections, jobs)
            yield
        following.cancel()
        await run_in_threadpool(jobs.close)
        with suppress(asyncio.CancelledError):
            await following
        await run_in_threadpool(pages.close)

    app = FastAPI(
        title="rag-workbench",
        version=version("rag-workbench"),
        docs_url=None,  # this page and the next load a CDN's code
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": _AN_ERROR, "5XX": _AN_ERROR},
    )
    views = Views(collections)
    app.include_router(own_api.routes(views, memories))
    app.include_router(openai_api.routes(views))
    app.include_router(page.routes(views, uploads=uploads, reports=reports is not None))
    app.include_router(embeddings_api.routes(views))
    app.include_router(metrics.routes())
    app.include_router(page_documents.routes(views, pages))
    if reports is not None:
        app.include_router(page_reports.routes(reports))
    app.include_router(feedback.routes(views))
    app.include_router(documents_api.routes(views, jobs, collections.refresh))
    app.include_router(jobs_api.routes(jobs))
    called = _tool_server(collections, views, access, limits)
    if called is not None:
        app.router.routes.append(called.route)
    app.add_exception_handler(RagError, _own_error)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Gone, _nobody)
    app.add_exception_handler(Exception, _internal)
    app.add_middleware(Guard, access=access, limits=limits, uploads=uploads)
    app.add_middleware(Measured, metrics=metrics)  # the last one is the first to see a request
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description, in which a body that cannot be read is an error as all others are."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        for path in made["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        app.openapi_schema = made
    told: dict[str, Any] = app.openapi_schema
    return told


def _tool_server(collections: Collections, views: Views, access: Access, limits: Limits) -> ToolServer | None:
    try:
        from .mcp_http import ToolServer
    except ImportError:
        return None  # an extra: without it there is no /mcp
    return ToolServer(collections.names[0], views, collections.refresh, access, limits)


def _resume(collections: Collections, jobs: Jobs) -> None:
    """Read what a restart has cut short."""
    for name in collections.names:
        own = collections.get(name)
        if own.folder is not None:
            documents_api.resume(jobs, AllowedView(own, SERVER), collections.refresh)


async def _follow(collections: Collections) -> None:
    while True:
        await asyncio.sleep(REFRESH_S)
        try:
            await run_in_threadpool(collections.refresh)
        except RagError as error:  # searches go on with what they have
            log.warning("cannot move on to what was written: %s", error)


async def _own_error(_: Request, error: Exception) -> Response:
    status = status_of(error)
    if status >= 500:
        log.warning("%s: %s", type(error).__name__, error)
    return Json(told(error), status, headers(status))


async def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    return Json(body(unreadable(error.errors()[0]), 400, "InvalidInput"), 400)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status, close = error.status_code, {"Connection": "close"} if error.status_code in {408, 413} else {}
    sentence = _ROUTING.get(status, "") if error.detail == HTTPStatus(status).phrase else ""
    return Json(body(sentence or str(error.detail), status, "refused"), status, {**(error.headers or {}), **close})


_ROUTING = {
    404: "this server has no such path; /openapi.json lists all of them",
    405: "that path does not take this method; the header Allow names those that it takes",
}


async def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _internal(_: Request, __: Exception) -> Response:
    return Json(body(INTERNAL, 500, "internal"), 500)
