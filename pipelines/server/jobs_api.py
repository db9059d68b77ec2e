"""Jobs over HTTP: a reader's own uploads, their progress as events, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from .events import Json, event, pieces_while_connected, stream
from .forms import EVENTS, JobForm, JobsForm
from .jobs import ENDS, Job, Jobs
from .principals import Principal, principal_of

_TOLD_S = 0.1


def routes(jobs: Jobs) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/jobs", summary="Your uploads, the newest first", response_model=JobsForm)
    async def every(request: Request) -> Response:
        return Json({"jobs": [each.told() for each in jobs.of(_uploader(request))]})

    @router.get("/v1/jobs/{job}", summary="One of them", response_model=JobForm)
    async def one(job: str, request: Request) -> Response:
        return Json({"job": jobs.get(_uploader(request), job).told()})

    @router.get(
        "/v1/jobs/{job}/events",
        summary="Its progress as events; the last one is named as it ended",
        response_class=Response,
        responses={200: EVENTS},
    )
    async def events(job: str, request: Request) -> Response:
        return stream(_events(request, jobs.get(_uploader(request), job)), error_name="error")

    @router.delete("/v1/jobs/{job}", summary="Cancel it; what is in by then stays", response_model=JobForm)
    async def cancel(job: str, request: Request) -> Response:
        found = jobs.get(_uploader(request), job)
        found.cancelled.set()
        return Json({"job": found.told()})

    return router


def _uploader(request: Request) -> Principal:
    principal = principal_of(request)
    principal.check("upload")
    return principal


async def _events(request: Request, job: Job) -> AsyncIterator[str]:
    async def versions() -> AsyncGenerator[dict[str, Any], None]:
        seen: tuple[Any, ...] = ()
        while True:
            ended, now = job.state in ENDS, job.version
            if now != seen:
                seen = now
                yield job.told()
            if ended:
                return
            await asyncio.sleep(_TOLD_S)

    async for told in pieces_while_connected(request, versions()):
        yield event({"job": told}, told["state"] if told["state"] in ENDS else "progress")
