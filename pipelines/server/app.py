"""The application: its routes behind the guard, and errors in the words of the command line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rag.blas_threads import one_blas_thread
from rag.errors import RagError

from . import openai_api, own_api
from .errors import INTERNAL, body, headers, status_of, told
from .events import Gone, Json
from .guard import Access, Guard, Limits

if TYPE_CHECKING:
    from .collections import Collections

log = logging.getLogger(__name__)
REFRESH_S = 2.0
"""Seconds between looks for what was written since."""


def application(collections: Collections, access: Access, limits: Limits = Limits()) -> FastAPI:  # noqa: B008 - frozen
    """Return the ASGI application; its description is at ``/openapi.json``.

    Parameters
    ----------
    collections
        What it answers from.
    access
        Who may ask.
    limits
        Of each request.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(collections))
        with one_blas_thread():
            yield
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    app = FastAPI(
        title="rag-workbench", docs_url=None, redoc_url=None, lifespan=lifespan
    )  # these pages load a CDN's code
    app.include_router(own_api.routes(collections))
    app.include_router(openai_api.routes(collections))
    app.add_exception_handler(RagError, _own_error)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Gone, _nobody)
    app.add_exception_handler(Exception, _internal)
    app.add_middleware(Guard, access=access, limits=limits)
    return app


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
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return Json(body(f"{place or 'the body'}: {first['msg']}", 400, "InvalidInput"), 400)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    close = {"Connection": "close"} if error.status_code in {408, 413} else {}
    return Json(body(str(error.detail), error.status_code, "refused"), error.status_code, close)


async def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _internal(_: Request, __: Exception) -> Response:
    return Json(body(INTERNAL, 500, "internal"), 500)
